"""An embedded server with VideoDB's RTStream wire protocol: ingests, records, transcribes, describes, searches, alerts.

It needs no account and no network. `AsyncClient.local()` starts one inside the program; `aiortstream serve` runs one of
its own. Installed by the extra `local`.
"""
