/** Sends lines to `ingest` in chunks, at the speed the server takes them. */
import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { Refused } from './api.ts'
import { CliError, EXIT } from './cli-error.ts'
import { type Shell, unreadable } from './shell.ts'

const CHUNK_LINES = 1000
const CHUNK_CHARACTERS = 1 << 20

interface Totals {
  appended: number
  refused: number
  /** Lines sent, so that a refused line can be named by its number in the file. */
  sent: number
}

export async function produceLines(shell: Shell, topic: string, file: string): Promise<void> {
  if (topic !== 'ingest') {
    throw new CliError(
      EXIT.usage,
      `topic '${topic}' takes no records from outside`,
      'Use `beamline topic produce ingest`.',
    )
  }
  const totals: Totals = { appended: 0, refused: 0, sent: 0 }
  let chunk: string[] = []
  let characters = 0
  for await (const line of linesOf(shell, file)) {
    chunk.push(line)
    characters += line.length
    if (chunk.length < CHUNK_LINES && characters < CHUNK_CHARACTERS) continue
    await sendChunk(shell, chunk, totals)
    chunk = []
    characters = 0
  }
  if (chunk.length > 0) await sendChunk(shell, chunk, totals)
  const { appended, refused } = totals
  shell.print(
    { appended, refused },
    `appended ${appended} record${appended === 1 ? '' : 's'}${refused > 0 ? `, refused ${refused}` : ''}`,
    [String(appended)],
  )
  if (refused > 0) shell.exitWith(EXIT.failed)
}

async function* linesOf(shell: Shell, file: string): AsyncIterable<string> {
  const stream: Readable = file === '-' ? shell.stdin : createReadStream(file)
  try {
    yield* createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY })
  } catch (error) {
    throw unreadable(file, error)
  }
}

async function sendChunk(shell: Shell, chunk: readonly string[], totals: Totals): Promise<void> {
  const first = totals.sent
  totals.sent += chunk.length
  if (chunk.every((line) => line.trim() === '')) return
  const answer = await sendPatiently(shell, chunk.join('\n'))
  totals.appended += answer.appended
  totals.refused += answer.refused
  for (const record of answer.records) {
    if ('error' in record) shell.stderr.write(`line ${first + record.line}: ${record.error}\n`)
  }
}

/** A server that is busy says when to come back; nothing of the chunk was taken then. */
async function sendPatiently(shell: Shell, body: string) {
  for (;;) {
    try {
      return await shell.api.publishRecords({ params: { topic: 'ingest' }, body })
    } catch (error) {
      if (!(error instanceof Refused) || error.exitCode !== EXIT.busy || shell.interrupted.aborted) throw error
      shell.stderr.write(`${error.message}; trying again in ${error.retryAfterS} s\n`)
      const { promise, resolve } = Promise.withResolvers<void>()
      shell.environment.after(error.retryAfterS * 1000, resolve)
      await promise
    }
  }
}
