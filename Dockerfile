# One image for web, worker and management commands; which one it is decides the command.
FROM python:3.12-slim

ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    READ_EMBEDDED_ENV=false \
    STATIC_ROOT=/app/static

WORKDIR /app
RUN useradd --system --no-create-home atb

# The dependencies first: they change less often than the code, so their layer is reused.
COPY pyproject.toml constraints.txt LICENSE ./
RUN pip install --constraint constraints.txt --editable '.[anthropic,embeddings,otel]'

COPY . .
# Collecting needs settings that load, not secrets: this value is in no layer's environment.
RUN SECRET_KEY=collect API_KEY_PEPPER=collect python manage.py collectstatic --no-input --verbosity 0

USER atb
EXPOSE 8000
CMD ["uvicorn", "config.asgi:application", "--host", "0.0.0.0", "--port", "8000", "--timeout-graceful-shutdown", "20"]
