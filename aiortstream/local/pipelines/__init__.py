"""What becomes of a stream's pictures and sound: each module is one way from the taps, or from records, to records.

A pipeline commits what it makes in one transaction and tells the websockets afterwards, so that whoever sees a frame
can fetch the record. What models cannot keep up with is dropped and counted where it is live (pictures, sound), and
kept in the database to be read later where it is not (transcripts to summarise, scenes to judge).
"""
