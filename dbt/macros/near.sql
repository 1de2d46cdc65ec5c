{# Which rows are looked through first: see energy.near_from(). Elsewhere is looked only for what is not found there, so
   no result depends on it. #}
{% macro is_near(time) %}{{ time }} between energy.near_from() and energy.near_to(){% endmacro %}

{% macro looks_further() %}(energy.near_from() > '-infinity' or energy.near_to() < 'infinity'){% endmacro %}
