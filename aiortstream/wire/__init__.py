"""Every JSON shape of the protocol: REST bodies, websocket frames, webhook deliveries, and their units of time.

The only place where VideoDB's spelling lives. The client and the embedded server both use it, so that neither can
drift from the other. It does no I/O.
"""
