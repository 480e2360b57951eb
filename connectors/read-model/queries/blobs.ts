/** Which blobs the runs of the read model refer to, some runs at a time. */
import { sql } from 'kysely'
import { blobsIn } from '../../../schemas/blob.ts'
import type { BlobsPage } from '../../../topology/read-model/port.ts'
import type { Snapshot } from './snapshot.ts'

const RUNS_AT_ONCE = 1_000

export async function blobsOfRuns({ db }: Snapshot, after: number): Promise<BlobsPage> {
  const numbers = await db
    .selectFrom('runs')
    .select('n')
    .where('n', '>', after)
    .orderBy('n')
    .limit(RUNS_AT_ONCE)
    .execute()
  const last = numbers.at(-1)
  if (last === undefined) return { hashes: [], next: null }
  const to = Number(last.n)
  // the many that refer to none are not read out
  const runs = await db
    .selectFrom('runs')
    .select(['input', 'output', 'metadata', 'packed_steps'])
    .where('n', '>', after)
    .where('n', '<=', to)
    .where(
      sql<boolean>`(coalesce(input, '') || coalesce(output, '') || coalesce(metadata, '') || coalesce(packed_steps, '')) LIKE '%blob://%'`,
    )
    .execute()
  const inputs = await db
    .selectFrom('large_inputs')
    .select('input')
    .where('run_n', '>', after)
    .where('run_n', '<=', to)
    .where('input', 'like', '%blob://%')
    .execute()
  const steps = await db
    .selectFrom('steps')
    .select('output')
    .where('run_n', '>', after)
    .where('run_n', '<=', to)
    .where('output', 'like', '%blob://%')
    .execute()
  const hashes = new Set<string>()
  const texts = [
    ...runs.flatMap((run) => [run.input, run.output, run.metadata, run.packed_steps]),
    ...inputs.map(({ input }) => input),
    ...steps.map(({ output }) => output),
  ]
  for (const text of texts) if (text !== null) for (const hash of blobsIn(text)) hashes.add(hash)
  return { hashes: [...hashes], next: to }
}
