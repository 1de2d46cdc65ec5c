{# Energy of all registers that measure this; NULL where one of them has none. In a fixed order, so that the last bit is always the same. #}
{% macro sum_of_all(measure) -%}
    case when count(*) filter (where measures = '{{ measure }}') = count(energy_kwh) filter (where measures = '{{ measure }}')
        then sum(energy_kwh order by sensor_id) filter (where measures = '{{ measure }}') end
{%- endmacro %}
