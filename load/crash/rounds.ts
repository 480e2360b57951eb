/** `node load/crash/rounds.ts [--rounds 100] [--seed 1] [--callers 16]`: the crash test in any length. Prints the checker's report; exit code 1 on a violation. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { verifyFolder } from '../process/verify-folder.ts'
import { crashRounds } from './crash.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
    callers: { type: 'string', default: '16' },
  },
})
const folder = mkdtempSync(join(tmpdir(), 'beamline-crash-'))
const outcome = await crashRounds({
  folder,
  rounds: Number(values.rounds),
  seed: Number(values.seed),
  callers: Number(values.callers),
  onRound: (round, accepted) => process.stderr.write(`killed ${round} times, ${accepted} runs accepted\n`),
})
const report = await verifyFolder(outcome.dataFolder, outcome.ledgerFile, outcome.historyFile)
console.log(JSON.stringify({ outcome, report }, null, 2))
if (report.ok) rmSync(folder, { recursive: true, force: true })
else process.stderr.write(`kept for a look: ${folder}\n`)
process.exitCode = report.ok ? 0 : 1
