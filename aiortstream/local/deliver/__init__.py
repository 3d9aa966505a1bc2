"""The way out: live frames to websockets, alerts to webhooks, clips to players."""
