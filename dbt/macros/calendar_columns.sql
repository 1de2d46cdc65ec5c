{# Calendar columns of int_calendar_days and int_building_calendar that the marts select. #}
{% macro calendar_columns() -%}
    {{ return([
        'holiday_name',
        'is_holiday',
        'days_until_next_holiday',
        'days_since_last_holiday',
        'is_day_before_holiday',
        'is_day_after_holiday',
        'is_bridge_day',
        'is_school_holiday',
        'is_christmas_period',
        'is_event',
    ]) }}
{%- endmacro %}
