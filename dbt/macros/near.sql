{# Which readings are looked through first: from the setting energy.near_from to energy.near_to, as energy.set_near() sets them; else all.

   A look for one reading beside a time goes through every chunk of a hypertable that the query may open; bounds that are known before the query
   runs leave few. Elsewhere is looked only for what is not found there: no result depends on it. #}
{% macro near_from() %}coalesce(nullif(current_setting('energy.near_from', true), '')::timestamptz, '-infinity'){% endmacro %}

{% macro near_to() %}coalesce(nullif(current_setting('energy.near_to', true), '')::timestamptz, 'infinity'){% endmacro %}
