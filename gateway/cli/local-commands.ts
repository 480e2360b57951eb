/** Commands that need no server: `verify`, and the scripts of a checkout. */
import { type Command, Option } from 'commander'
import type { VerifyReport } from '../../topology/verify/report.ts'
import type { Act } from './cli.ts'
import { CliError, EXIT } from './cli-error.ts'
import type { Script } from './dependencies.ts'
import { counted } from './look.ts'
import type { Shell } from './shell.ts'

interface VerifyCommandOptions {
  readonly data: string
  readonly ledger?: string
  readonly history?: string
  readonly settled: boolean
}

export function addLocalCommands(program: Command, act: Act): void {
  program
    .command('verify')
    .description('check a data folder, and effect ledger and client history if given; the node should be stopped')
    .addOption(new Option('--data <folder>', 'data folder').env('BEAMLINE_DATA').default('.beamline'))
    .option('--ledger <file>', 'effects as JSON lines {"key": "tenant/run/step/attempt", "at_ms": ...}')
    .option('--history <file>', 'what clients were told, as JSON lines')
    .option('--settled', 'everything should be finished: what is not counts as lost', false)
    .action(act(verify))
  for (const [script, description] of SCRIPTS) {
    program
      .command(script)
      .description(`${description} (in a checkout)`)
      .argument('[args...]', 'passed on')
      .allowUnknownOption()
      .helpOption(false)
      .action(act((shell, args: readonly string[]) => runScript(shell, script, args)))
  }
}

const SCRIPTS: readonly (readonly [Script, string])[] = [
  ['demo', 'run the example flows on real data'],
  ['bench', 'measure'],
  ['simulate', 'run the deterministic simulation'],
]

async function verify(shell: Shell, { data, ledger, history, settled }: VerifyCommandOptions): Promise<void> {
  const report = await shell.verify({
    dataFolder: data,
    ledgerFile: ledger ?? null,
    historyFile: history ?? null,
    settled,
  })
  shell.print(report, reportText(report), [report.ok ? 'ok' : 'NOT OK'])
  if (!report.ok) shell.exitWith(EXIT.failed)
}

function reportText(report: VerifyReport): string {
  const { ended, effects, violations } = report
  const counts = Object.entries(report.violationCounts).map(([code, count]) => `  ${code}: ${count}`)
  return [
    `${counted(report.records, 'record')}, ${counted(report.accepted, 'run')} accepted, ${report.rejected} refused`,
    `ended: ${ended.completed} completed, ${ended.failed} failed, ${ended.cancelled} cancelled, ${ended.timed_out} timed out; ${report.open} open`,
    `lost ${report.lost}, doubled ${report.doubled}, illegal transitions ${report.illegalTransitions}, unprocessed ${report.unprocessed}`,
    ...(effects.lines === 0
      ? []
      : [
          `effects: ${counted(effects.lines, 'line')}, ${counted(effects.keys, 'key')}, ${effects.repeated} repeated, ${effects.unknown} unknown`,
        ]),
    ...counts,
    ...violations.map(({ code, where, message }) => `  ${code} at ${where}: ${message}`),
    ...report.notes.map((note) => `note: ${note}`),
    report.ok ? `ok${report.complete ? '' : ', as far as it can be told'}` : 'NOT OK',
  ].join('\n')
}

async function runScript(shell: Shell, script: Script, args: readonly string[]): Promise<void> {
  const code = await shell.runScript(script, args)
  if (code !== null) return shell.exitWith(code)
  throw new CliError(
    EXIT.failed,
    `'${script}' is not part of the installed package`,
    `Clone the project and use \`npm run ${script}\` there.`,
  )
}
