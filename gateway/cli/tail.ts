/** Prints a topic's records, each partition in its order. */
import type { AnswerOf, Api, RequestOf } from '../client/client.ts'
import { CliError, EXIT } from './cli-error.ts'
import type { Shell } from './shell.ts'
import type { TailOptions } from './topic-commands.ts'

type Page = AnswerOf<Api['readTopic']>
type LogRecord = Page['records'][number]
type Read = RequestOf<Api['readTopic']>

export async function tailTopic(shell: Shell, topic: string, options: TailOptions): Promise<void> {
  const partitions = await partitionsOf(shell, topic, options)
  const stop = new AbortController()
  const signal = AbortSignal.any([stop.signal, shell.interrupted])
  let left = options.limit === undefined ? Number.POSITIVE_INFINITY : positive('--limit', options.limit)
  const print = (partition: number, record: LogRecord): void => {
    if (left <= 0) return
    shell.stdout.write(`${JSON.stringify({ topic, partition, ...record })}\n`)
    if (--left <= 0) stop.abort()
  }
  await Promise.all(partitions.map((partition) => tailPartition(shell, topic, partition, options, print, signal)))
}

async function tailPartition(
  shell: Shell,
  topic: string,
  partition: number,
  { from, follow }: TailOptions,
  print: (partition: number, record: LogRecord) => void,
  signal: AbortSignal,
): Promise<void> {
  let next = from
  while (!signal.aborted) {
    const query = { partition, from: next, limit: 1000, wait: follow ? '20s' : '0s' }
    const page = await pageOf(shell, { params: { topic }, query, signal })
    if (page === null) return
    for (const record of page.records) print(partition, record)
    next = String(page.next_offset)
    if (!follow && page.next_offset >= page.end_offset) return
  }
}

/** `null` once the command should end. */
async function pageOf(shell: Shell, read: Read): Promise<Page | null> {
  try {
    return await shell.api.readTopic(read)
  } catch (error) {
    if (read.signal?.aborted === true) return null
    throw error
  }
}

async function partitionsOf(shell: Shell, topic: string, { from, partition }: TailOptions): Promise<readonly number[]> {
  if (partition !== undefined) return [positive('--partition', partition)]
  if (/^\d+$/.test(from)) {
    throw new CliError(EXIT.usage, `--from ${from} needs --partition`, 'Offsets count within one partition.')
  }
  const { partitions } = await shell.api.listTopics()
  const own = partitions.filter((entry) => entry.topic === topic).map((entry) => entry.partition)
  if (own.length > 0) return own
  const names = [...new Set(partitions.map((entry) => entry.topic))].join(', ')
  throw new CliError(EXIT.failed, `there is no topic '${topic}'; expected ${names}`)
}

function positive(name: string, text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw new CliError(EXIT.usage, `${name} is '${text}'; expected a whole number`)
}
