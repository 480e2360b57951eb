/** Runs the checker over a data folder at rest, with the ledger of effects and the clients' history beside it. */
import { readFileSync } from 'node:fs'
import { realEnvironment } from '../../connectors/environment.ts'
import { openEmbeddedLog } from '../../connectors/log-embedded/embedded-log.ts'
import { openEmbeddedReader } from '../../connectors/log-embedded/reader.ts'
import { parseClientLine, parseLedgerLine, parseLines } from '../../topology/verify/formats.ts'
import type { VerifyReport } from '../../topology/verify/report.ts'
import { sourceOf, verifyHistory } from '../../topology/verify/verify-history.ts'

/** No process may have the folder open. Every accepted run must have ended, and every completed `http` step must be in the ledger. */
export async function verifyFolder(
  dataFolder: string,
  ledgerFile: string,
  historyFile: string | null,
): Promise<VerifyReport> {
  const reader = openEmbeddedReader(dataFolder)
  const { partitions } = reader
  reader.close()
  const log = await openEmbeddedLog({ folder: dataFolder, partitions, environment: realEnvironment })
  try {
    const client = historyFile === null ? [] : parseLines(readFileSync(historyFile, 'utf8'), parseClientLine)
    const ledger = parseLines(readFileSync(ledgerFile, 'utf8'), parseLedgerLine)
    return await verifyHistory(sourceOf(log), { ledger, client }, { settled: true, effectBlocks: ['http'] })
  } finally {
    await log.close()
  }
}
