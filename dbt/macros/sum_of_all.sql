{# The amount of all registers that are meant and count then; NULL where one of them has none. In a fixed order, so that the last bit is always the same. #}
{% macro sum_of_all(condition) -%}
    case when count(*) filter (where is_valid and {{ condition }}) = count(amount) filter (where is_valid and {{ condition }})
        then sum(amount order by sensor_id) filter (where is_valid and {{ condition }}) end
{%- endmacro %}
