{# Sum over the valid registers that match the condition; NULL if one of them has no value. In a fixed order, so that
   the result is bitwise reproducible. #}
{% macro sum_of_all(condition) -%}
    case when count(*) filter (where is_valid and {{ condition }}) = count(amount) filter (where is_valid
        and {{ condition }})
        then sum(amount order by sensor_id) filter (where is_valid and {{ condition }}) end
{%- endmacro %}
