"""Celery's own settings, apart from Django's so that their names stay Celery's."""

from django.conf import settings

broker_url = settings.REDIS_URL
broker_transport = "config.broker:Transport"
broker_connection_retry_on_startup = True
# A POST answers 202 within three seconds with the broker down: the ring is lost, the reaper rings again.
broker_transport_options = {
    "socket_connect_timeout": 1,
    "socket_timeout": 5,
    "retry_policy": {"timeout": 2.0},
}
task_publish_retry = False
task_ignore_result = True
result_backend = None
task_acks_late = False
task_default_queue = f"{settings.REDIS_PREFIX}.runs"
worker_prefetch_multiplier = 1
# Threads that hand permits in; runs have threads of their own (WORKER_SLOTS).
worker_concurrency = 2
worker_hijack_root_logger = False
worker_send_task_events = False
timezone = "UTC"
