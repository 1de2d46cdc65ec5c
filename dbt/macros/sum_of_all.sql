{# Energy of all registers that measure this and count then; NULL where one of them has none. In a fixed order, so that the last bit is always the same. #}
{% macro sum_of_all(measure) -%}
    case when count(*) filter (where is_valid and measures = '{{ measure }}') = count(energy_kwh) filter (where is_valid and measures = '{{ measure }}')
        then sum(energy_kwh order by sensor_id) filter (where is_valid and measures = '{{ measure }}') end
{%- endmacro %}
