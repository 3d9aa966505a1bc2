"""The streaming core: one websocket, its epochs, and the watches that share it."""
