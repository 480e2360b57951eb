/** `beamline flow test`: runs cases of flows on virtual time, with mocks. */
import { dirname, resolve } from 'node:path'
import type { Command } from 'commander'
import type { BlockType } from '../../../schemas/flow/block-types.ts'
import { type CheckedFlow, checkFlow } from '../../../schemas/flow/compile.ts'
import type { DryRunReport } from '../../../topology/dry-run/port.ts'
import type { Act } from '../cli.ts'
import { CliError, EXIT } from '../cli-error.ts'
import { problemLine } from '../flow-problems.ts'
import { clean, type Look, lengthText, paint, paintOf } from '../look.ts'
import { readInput, type Shell } from '../shell.ts'
import { judge } from './judge.ts'
import { readTestFile, type TestCase } from './test-file.ts'

interface TestOptions {
  readonly only?: string
  readonly verbose: boolean
}

interface Judged {
  readonly name: string
  readonly line: number
  readonly ok: boolean
  readonly problems: readonly string[]
  readonly report: DryRunReport
}

interface JudgedFile {
  readonly file: string
  readonly flow: string
  readonly cases: readonly Judged[]
}

export function addFlowTest(flow: Command, act: Act): void {
  flow
    .command('test <file...>')
    .description(
      'run cases of a flow on virtual time with mocks; needs no server and has no effects (docs/flow-tests.md)',
    )
    .option('--only <text>', 'only cases whose name has this in it')
    .option('--verbose', 'show the steps of every case, not only of those that fail', false)
    .action(act((shell, files: readonly string[], options: TestOptions) => test(shell, files, options)))
}

async function test(shell: Shell, files: readonly string[], options: TestOptions): Promise<void> {
  const judged: JudgedFile[] = []
  for (const file of files) {
    const done = await testFile(shell, file, options)
    judged.push(done)
    if (!shell.json && !shell.quiet) shell.stdout.write(`${fileText(shell.look, done, options.verbose)}\n`)
  }
  const cases = judged.flatMap(({ cases: list }) => list)
  const failed = cases.filter(({ ok }) => !ok)
  if (cases.length === 0) {
    throw new CliError(EXIT.usage, `no case has '${options.only}' in its name`, 'Leave --only out to run all of them.')
  }
  const total = `${cases.length} cases, ${failed.length === 0 ? 'all as expected' : `${failed.length} not as expected`}`
  const names = failed.map(({ name }) => name)
  shell.print({ ok: failed.length === 0, files: judged }, total, names)
  if (failed.length > 0) shell.exitWith(EXIT.failed)
}

async function testFile(shell: Shell, file: string, { only }: TestOptions): Promise<JudgedFile> {
  const { flow: named, cases } = readTestFile(file, await readInput(shell, file))
  const path = resolve(dirname(file), named)
  const checked = documentOf(named, await readInput(shell, path), await shell.blockTypes?.())
  const judged: Judged[] = []
  for (const one of cases) {
    if (only !== undefined && !one.name.includes(only)) continue
    judged.push(await runCase(shell, checked, one))
    if (shell.interrupted.aborted) break
  }
  return { file, flow: checked.name, cases: judged }
}

type Checked = Extract<CheckedFlow, { readonly ok: true }>

function documentOf(name: string, source: Uint8Array, blockTypes?: readonly BlockType[]): Checked {
  const checked = checkFlow(source, blockTypes)
  if (checked.ok) return checked
  const lines = checked.problems.map((problem) => problemLine(name, problem))
  throw new CliError(EXIT.failed, `${name} cannot be published, so it cannot be tested\n${lines.join('\n')}`)
}

async function runCase(
  shell: Shell,
  { name: flow, document, flow: compiled }: Checked,
  one: TestCase,
): Promise<Judged> {
  const { input, mocks, startMs, cancelAfterMs, name, line } = one
  const report = await shell.dryRun({ flow, document, input, mocks, startMs, cancelAfterMs })
  const problems = judge(compiled, one, report)
  return { name, line, ok: problems.length === 0, problems, report }
}

function fileText(look: Look, { file, flow, cases }: JudgedFile, verbose: boolean): string {
  const blocks = cases.map((one) => caseText(look, file, one, verbose))
  return [paint(look, 'bold', `${file} (flow ${flow})`), ...blocks].join('\n')
}

function caseText(look: Look, file: string, { name, line, ok, problems, report }: Judged, verbose: boolean): string {
  const mark = ok ? paint(look, 'green', '✓') : paint(look, 'red', '✗')
  const place = ok ? '' : paint(look, 'dim', `  ${file}:${line}`)
  const head = `  ${mark} ${clean(name)}  ${report.status} after ${lengthText(report.durationMs)}${place}`
  const said = problems.map((problem) => `      ${paint(look, 'red', clean(problem))}`)
  return [head, ...said, ...(ok && !verbose ? [] : stepLines(look, report))].join('\n')
}

function stepLines(look: Look, { steps }: DryRunReport): string[] {
  const width = Math.max(0, ...steps.map(({ id }) => id.length))
  return steps.map((step) => {
    const status = paint(look, paintOf(step.status), step.status)
    const attempts = step.attempts > 1 ? `, ${step.attempts} attempts` : ''
    const at = step.endedAfterMs === null ? '' : ` after ${lengthText(step.endedAfterMs)}`
    const mocked = step.mocked ? ' (mocked)' : ''
    const why = step.reason === null ? '' : ` (${clean(step.reason)})`
    const error = step.error === null ? '' : `  ${clean(`${step.error.code}: ${step.error.message}`)}`
    return `      ${step.id.padEnd(width)}  ${status}${why}${attempts}${at}${mocked}${error}`
  })
}
