{# Which rows are looked through first: see energy.near_from(). Elsewhere is looked only for what is not found there, so
   no result depends on it. Two comparisons, since a view with BETWEEN is written otherwise after a dump. #}
{% macro is_near(time) %}{{ time }} >= energy.near_from() and {{ time }} <= energy.near_to(){% endmacro %}

{% macro looks_further() %}(energy.near_from() > '-infinity' or energy.near_to() < 'infinity'){% endmacro %}
