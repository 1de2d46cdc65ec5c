{# Freshness is measured by the pipeline's clock, which a replay of old data sets. #}
{% macro postgres__current_timestamp() -%}
    energy.clock()
{%- endmacro %}
