/** Reads the body of a response, decompressed, up to a limit. */
import type { Transform } from 'node:stream'
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib'
import { BlockError } from '../../block.ts'
import type { HttpAnswer } from './http-client.ts'

/** What the blocks ask servers for; other encodings come as they are. */
export const ACCEPTED_ENCODINGS = 'gzip, deflate, br'

/** @throws {BlockError} `RESPONSE_TOO_LARGE` as soon as there is more than the limit, however small it was before decompression */
export async function readBytes(answer: HttpAnswer, limitBytes: number): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of decoded(answer)) {
    size += chunk.length
    if (size > limitBytes) {
      // leaving the loop destroys the body, and with it the connection
      throw new BlockError('RESPONSE_TOO_LARGE', `the response has more than ${limitBytes} bytes, the limit`)
    }
    chunks.push(chunk)
  }
  return chunks.length === 1 ? Buffer.from(chunks[0]!) : Buffer.concat(chunks, size)
}

/** The body without its content encoding, in chunks. */
export function decoded(answer: HttpAnswer): AsyncIterable<Uint8Array> {
  const encoding = String(answer.headers['content-encoding'] ?? '')
    .trim()
    .toLowerCase()
  const decoder = decoderOf(encoding)
  return decoder === null ? answer.body : through(answer.body, decoder)
}

function decoderOf(encoding: string): Transform | null {
  if (encoding === 'gzip' || encoding === 'x-gzip') return createGunzip()
  if (encoding === 'deflate') return createInflate()
  return encoding === 'br' ? createBrotliDecompress() : null
}

async function* through(body: HttpAnswer['body'], decoder: Transform): AsyncIterable<Uint8Array> {
  body.on('error', (error: Error) => decoder.destroy(error))
  body.pipe(decoder)
  try {
    yield* decoder as AsyncIterable<Uint8Array>
  } finally {
    decoder.destroy()
    // what is left of a body that is not wanted is not read
    body.on('error', () => undefined).destroy()
  }
}
