{# Source freshness uses the pipeline's clock, which a replay of old data overrides. #}
{% macro postgres__current_timestamp() -%}
    energy.clock()
{%- endmacro %}
