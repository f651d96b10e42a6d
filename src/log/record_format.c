#include "record_format.h"

#include "record_ecs.h"
#include "record_falco.h"
#include "record_json.h"
#include "record_ocsf.h"
#include "record_text.h"

char *record_format_event(enum log_format format, const struct denial_event *event, const char *mount)
{
    switch (format) {
    case LOG_JSON:
        return record_json_event(event, mount);
    case LOG_ECS:
        return record_ecs_event(event, mount);
    case LOG_OCSF:
        return record_ocsf_event(event, mount);
    case LOG_FALCO:
        return record_falco_event(event, mount);
    default:
        return record_text_event(event);
    }
}

char *record_format_notice(enum log_format format, const struct timespec *time, const char *message, const char *mount)
{
    switch (format) {
    case LOG_JSON:
        return record_json_notice(time, message, mount);
    case LOG_ECS:
        return record_ecs_notice(time, message, mount);
    case LOG_OCSF:
        return record_ocsf_notice(time, message, mount);
    case LOG_FALCO:
        return record_falco_notice(time, message, mount);
    default:
        return record_text_notice(time, message);
    }
}
