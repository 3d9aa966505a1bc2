// Where a moment of a recording stands on the clock. No page is touched here.
//
// A part is a stretch that plays without a jump: `offset` and `length` in seconds of the player, `date` in milliseconds
// since 1970, or null where the playlist gives none.

/** The parts of an HLS playlist, one for each segment. */
export function readPlaylist(text) {
  const parts = [];
  let offset = 0;
  let length = null;
  let date = null;
  for (const line of text.split(/\r?\n/)) {
    if (line.startsWith("#EXT-X-PROGRAM-DATE-TIME:")) {
      const parsed = Date.parse(line.slice(line.indexOf(":") + 1));
      date = Number.isNaN(parsed) ? null : parsed;
    } else if (line.startsWith("#EXTINF:")) {
      length = Number.parseFloat(line.slice("#EXTINF:".length));
    } else if (line !== "" && !line.startsWith("#") && length > 0) {
      parts.push({ offset, length, date });
      offset += length;
      date = date === null ? null : date + length * 1000;
      length = null;
    }
  }
  return parts;
}

/** The window that the path of a playlist names in microseconds, as {start, end} in milliseconds, or null. */
export function readWindow(path) {
  const found = /\/(\d{16})-(\d{16})\.\w+$/.exec(path);
  return found && { start: Number(found[1]) / 1000, end: Number(found[2]) / 1000 };
}

/** The same parts in a file that begins at `start` (milliseconds since 1970) and has no gaps. */
export function cutAt(parts, start) {
  const cut = [];
  let offset = 0;
  for (const part of parts) {
    const skipped = part.date === null ? 0 : Math.max(0, (start - part.date) / 1000);
    if (skipped >= part.length) continue;
    const length = part.length - skipped;
    cut.push({ offset, length, date: part.date === null ? null : part.date + skipped * 1000 });
    offset += length;
  }
  return cut;
}

/** The moment shown at a position in seconds, in milliseconds since 1970, or null. */
export function dateAt(parts, position) {
  let part = null;
  for (const candidate of parts) {
    if (candidate.offset > position) break;
    part = candidate;
  }
  return part === null || part.date === null ? null : part.date + (position - part.offset) * 1000;
}

/** The position in seconds that shows a moment, or the next one after it that is recorded; null if there is none. */
export function positionOf(parts, date) {
  for (const part of parts) {
    if (part.date === null || date >= part.date + part.length * 1000) continue;
    return part.offset + Math.max(0, (date - part.date) / 1000);
  }
  return null;
}
