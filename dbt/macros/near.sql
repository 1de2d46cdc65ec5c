{# The rows that are searched first: see energy.near_from(). The rest is searched only if nothing is found there, so
   results do not depend on it. Two comparisons, since a dump does not reproduce BETWEEN in a view. #}
{% macro is_near(time) %}{{ time }} >= energy.near_from() and {{ time }} <= energy.near_to(){% endmacro %}

{% macro looks_further() %}(energy.near_from() > '-infinity' or energy.near_to() < 'infinity'){% endmacro %}
