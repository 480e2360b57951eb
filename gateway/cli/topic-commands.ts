/** `beamline topic` */
import { type Command, Option } from 'commander'
import type { Act } from './cli.ts'
import { type Cell, table } from './look.ts'
import { produceLines } from './produce.ts'
import type { Shell } from './shell.ts'
import { tailTopic } from './tail.ts'

export interface TailOptions {
  readonly from: string
  readonly partition?: string
  readonly follow: boolean
  readonly limit?: string
}

export function addTopicCommands(program: Command, act: Act): void {
  const topic = program.command('topic').description('write and read topics')
  topic
    .command('produce')
    .description('append JSON lines as records, each a submission {"flow": ..., "input": ...}')
    .argument('<topic>', 'only ingest takes records from outside')
    .addOption(new Option('--file <file>', 'JSON lines; - reads standard input').default('-', 'standard input'))
    .action(act((shell, name: string, { file }: { readonly file: string }) => produceLines(shell, name, file)))
  topic.command('list').description('list topics, with what waits in them').action(act(listTopics))
  topic
    .command('tail <topic>')
    .description('print records as JSON lines as they come')
    .option('--from <place>', 'first, end, an instant, or an offset (with --partition)', 'end')
    .option('--partition <n>', 'only this partition')
    .option('--limit <n>', 'stop after this many records')
    .option('--no-follow', 'stop at the end')
    .action(act((shell, name: string, options: TailOptions) => tailTopic(shell, name, options)))
}

/** A line per topic; every partition is in the JSON. */
async function listTopics(shell: Shell): Promise<void> {
  const answer = await shell.api.listTopics()
  const sums = new Map<string, { partitions: number; records: number; lag: number | null }>()
  for (const { topic, first_offset, next_offset, lag } of answer.partitions) {
    const sum = sums.get(topic) ?? { partitions: 0, records: 0, lag: null }
    sum.partitions += 1
    sum.records += next_offset - first_offset
    if (lag !== null) sum.lag = (sum.lag ?? 0) + lag
    sums.set(topic, sum)
  }
  const rows = [...sums].map(([topic, { partitions, records, lag }]): readonly Cell[] => [
    topic,
    partitions,
    records,
    lag === null || lag === 0 ? lag : [String(lag), 'yellow'],
  ])
  shell.print(answer, table(shell.look, rows, ['topic', 'partitions', 'offsets', 'lag']), [...sums.keys()])
}
