/** Every question of the port, as asked of a snapshot. Both databases are asked the same. */
import type { RunId, TenantId } from '../../../schemas/ids.ts'
import type { LetterQuery, RunEventsQuery, RunFilter, RunQuery } from '../../../topology/read-model/lists.ts'
import type { OperationItemQuery, OperationQuery } from '../../../topology/read-model/operations.ts'
import { blobsOfRuns } from './blobs.ts'
import { getRun, runEvents } from './get-run.ts'
import { countLetters, getLetter, letterGroups, listLetters } from './letters.ts'
import { countAllRuns, countRuns, listRuns, listTenants } from './list-runs.ts'
import { getOperation, listOperationItems, listOperations } from './operations.ts'
import type { Snapshot } from './snapshot.ts'

export const QUESTIONS = {
  getRun: (snapshot: Snapshot, { tenant, runId }: { tenant: TenantId; runId: RunId }) =>
    getRun(snapshot, tenant, runId),
  runEvents: (snapshot: Snapshot, query: RunEventsQuery) => runEvents(snapshot, query),
  listRuns: (snapshot: Snapshot, query: RunQuery) => listRuns(snapshot, query),
  countRuns: (snapshot: Snapshot, filter: RunFilter) => countRuns(snapshot, filter),
  letterGroups: (snapshot: Snapshot, { tenant }: { tenant: TenantId }) => letterGroups(snapshot, tenant),
  letters: (snapshot: Snapshot, query: LetterQuery) => listLetters(snapshot, query),
  getLetter: (snapshot: Snapshot, { tenant, letterId }: { tenant: TenantId; letterId: string }) =>
    getLetter(snapshot, tenant, letterId),
  tenants: (snapshot: Snapshot, { after, limit }: { after: TenantId | null; limit: number }) =>
    listTenants(snapshot, after, limit),
  getOperation: (snapshot: Snapshot, { tenant, operationId }: { tenant: TenantId; operationId: string }) =>
    getOperation(snapshot, tenant, operationId),
  operations: (snapshot: Snapshot, query: OperationQuery) => listOperations(snapshot, query),
  operationItems: (snapshot: Snapshot, query: OperationItemQuery) => listOperationItems(snapshot, query),
  blobs: (snapshot: Snapshot, { after }: { after: number }) => blobsOfRuns(snapshot, after),
  counts: async ({ db, asOf }: Snapshot, _all: null) => ({
    runs: await countAllRuns(db),
    letters: await countLetters(db),
    asOf,
  }),
} as const

export type Question = keyof typeof QUESTIONS
export type Asked<Q extends Question> = Parameters<(typeof QUESTIONS)[Q]>[1]
export type Answer<Q extends Question> = Awaited<ReturnType<(typeof QUESTIONS)[Q]>>

export function ask<Q extends Question>(snapshot: Snapshot, question: Q, asked: Asked<Q>): Promise<Answer<Q>> {
  const answer = QUESTIONS[question] as unknown as (snapshot: Snapshot, asked: Asked<Q>) => Promise<Answer<Q>>
  return answer(snapshot, asked)
}
