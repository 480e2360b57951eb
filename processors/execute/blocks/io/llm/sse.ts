/** Server-sent events from chunks of bytes (https://html.spec.whatwg.org/multipage/server-sent-events.html), data only. */

/** A line or event of more characters ends the stream. */
const EVENT_MAX_CHARS = 1 << 20

export class EventTooLarge extends Error {}

/** @throws {EventTooLarge} */
export async function* eventData(chunks: AsyncIterable<Uint8Array>): AsyncIterable<string> {
  const decoder = new TextDecoder()
  let buffer = ''
  let data: string[] = []
  for await (const chunk of chunks) {
    buffer += decoder.decode(chunk, { stream: true })
    const lines = buffer.split(/\r\n|\n|\r(?!$)/)
    buffer = lines.pop()!
    for (const line of lines) {
      if (line === '') {
        if (data.length > 0) yield data.join('\n')
        data = []
      } else if (line.startsWith('data:')) data.push(line.slice(line[5] === ' ' ? 6 : 5))
    }
    if (buffer.length > EVENT_MAX_CHARS || data.length > 10_000) throw new EventTooLarge('an event is too large')
  }
  if (data.length > 0) yield data.join('\n')
}
