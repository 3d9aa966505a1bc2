"""Recording by stream copy: segments on disk, playlists and exports made from them."""
