"""From a URL to packets, recording segments, frames and sound, all on one clock.

`source` says what a URL means and opens it, `clock` maps media time to unix time, `stream` supervises one source for as
long as it is wanted. `publish` is the other end: a media file as a genuine live source.
"""
