/** `beamline topic` */
import { type Command, Option } from 'commander'
import type { Act } from './cli.ts'
import { produceLines } from './produce.ts'
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
  topic
    .command('tail <topic>')
    .description('print records as JSON lines as they come')
    .option('--from <place>', 'first, end, or an offset (with --partition)', 'end')
    .option('--partition <n>', 'only this partition')
    .option('--limit <n>', 'stop after this many records')
    .option('--no-follow', 'stop at the end')
    .action(act((shell, name: string, options: TailOptions) => tailTopic(shell, name, options)))
}
