import type { Json } from '../../../../../schemas/json.ts'
import { type Block, type BlockContext, BlockError, type BlockErrorDef } from '../../../block.ts'
import { type BlockTools, TIMEOUT_MS_SCHEMA, within } from '../../tools.ts'
import type { ProcessPool } from '../../workers/process-pool.ts'
import { abortable } from '../abortable.ts'
import { type ConnectionTable, UNKNOWN_CONNECTION } from '../connections.ts'
import { EGRESS_REFUSED, type Egress } from '../egress/egress.ts'
import type { FileSettings } from '../files/root.ts'
import type { PostgresPools } from './postgres.ts'
import { runStatement, type SqlLimits, type SqlResult, type SqlStatement } from './postgres-query.ts'
import { postgresParameters } from './postgres-values.ts'
import { runSqlite } from './sqlite.ts'
import { checkStatement } from './statement.ts'

export interface SqlParts {
  readonly tools: BlockTools
  readonly egress: Egress
  readonly pools: PostgresPools
  readonly sqlite: () => ProcessPool
  readonly connections: ConnectionTable
  readonly files: FileSettings
  readonly limits: SqlLimits
}

interface Input {
  readonly connection?: string
  readonly connection_string?: string
  readonly query?: string
  readonly args?: readonly Json[]
  readonly write?: boolean
  readonly timeout_ms?: number
}

/** What a step runs its statement on. */
type Target =
  | { readonly kind: 'postgres'; readonly address: string; readonly mayWrite: boolean; readonly lists: boolean }
  | { readonly kind: 'sqlite'; readonly file: string; readonly mayWrite: boolean }

const SQLITE = 'sqlite:'

const inputSchema = {
  type: 'object',
  properties: {
    connection: {
      type: 'string',
      description:
        "Name of a connection, an address `postgres://...`, or `sqlite:` and a path within the tenant's folder.",
    },
    connection_string: {
      type: 'string',
      description: 'Older name of `connection`, an address. The statement may then change data.',
    },
    query: { type: 'string', description: 'One statement, with parameters `$1`, `$2`, ... (SQLite: `?`).' },
    args: { type: 'array', maxItems: 1_000, default: [], description: 'Values of the parameters.' },
    write: { type: 'boolean', default: false, description: 'The statement changes data.' },
    timeout_ms: TIMEOUT_MS_SCHEMA,
  },
  additionalProperties: false,
}

export const SQL_ERRORS: readonly BlockErrorDef[] = [
  { code: 'MISSING_CONNECTION_STRING', class: 'permanent', meaning: 'The input names no connection.' },
  { code: 'MISSING_QUERY', class: 'permanent', meaning: 'The input has no `query`.' },
  {
    code: 'DB_CONNECTION_ERROR',
    class: 'transient',
    meaning:
      'No connection, or it broke. Class `permanent` where it is no address, is unknown, or the database refuses it.',
  },
  {
    code: 'DB_QUERY_ERROR',
    class: 'permanent',
    meaning:
      'The statement failed, or is none that steps may run. Class `transient` for conflicts, locks and statements that ran out of time. Detail: `{sqlstate, position}`.',
  },
  { code: 'RESULT_TOO_LARGE', class: 'permanent', meaning: 'The result has more rows or bytes than the limit.' },
  {
    code: 'WORKER_ENDED',
    class: 'transient',
    meaning: 'The process of SQLite ended in the call, e.g. for want of memory.',
  },
  {
    code: 'INVALID_PATH',
    class: 'permanent',
    meaning: 'The path of an SQLite file is absolute, has `..` or NUL, or a name that is too long.',
  },
  { code: 'FILES_UNAVAILABLE', class: 'permanent', meaning: 'This executor has no folder for files.' },
  UNKNOWN_CONNECTION,
  EGRESS_REFUSED,
]

export function sqlBlock(parts: SqlParts): Block {
  return {
    type: 'sql',
    version: 1,
    pool: 'io',
    summary:
      "Runs one SQL statement on Postgres, or on an SQLite file of the tenant's folder, and returns `{rows, rows_affected}`. It changes data only with `write: true`.",
    inputSchema,
    outputSchema: {
      type: 'object',
      required: ['rows', 'rows_affected'],
      properties: {
        rows: { type: 'array', description: 'One object per row, by name of column.' },
        rows_affected: { type: 'integer', description: 'Rows of the result, or rows that were changed.' },
      },
    },
    errors: SQL_ERRORS,
    takesSecrets: true,
    example: { connection: 'warehouse', query: 'select qty from stock where sku = $1', args: ['a-1'] },
    examples: [
      {
        title: 'A connection that is a secret, and a statement that changes data',
        input: { connection: 'secret://warehouse', query: 'delete from stock where qty = $1', args: [0], write: true },
      },
      {
        title: 'An SQLite file',
        input: { connection: 'sqlite:data/stock.db', query: 'select count(*) as n from stock' },
      },
    ],
    run: async (context, input) => {
      const { args = [], timeout_ms, ...given } = input as Input
      const target = await targetOf(parts, context, given)
      const text = checkStatement(given.query, target.mayWrite)
      return within(parts.tools, context.signal, timeout_ms, async (signal) => {
        const { rows, affected } = await runOn(parts, context, target, text, args, signal)
        return { rows, rows_affected: affected }
      })
    },
  }
}

function runOn(
  parts: SqlParts,
  context: BlockContext,
  target: Target,
  text: string,
  args: readonly Json[],
  signal: AbortSignal,
): Promise<SqlResult> {
  if (target.kind === 'sqlite') {
    const statement = { text, values: args, mayWrite: target.mayWrite }
    return runSqlite(parts.sqlite(), parts.files, context.tenant, target.file, statement, parts.limits, signal)
  }
  const values = postgresParameters(args, target.lists)
  return runPostgres(parts, context, target.address, { text, values, mayWrite: target.mayWrite }, signal)
}

async function runPostgres(
  parts: SqlParts,
  context: BlockContext,
  address: string,
  statement: SqlStatement,
  signal: AbortSignal,
): Promise<SqlResult> {
  const connecting = parts.pools.connect(context.tenant, address)
  const client = await abortable(connecting, signal).catch((error: unknown) => {
    // a connection that comes too late goes back
    if (signal.aborted)
      connecting.then(
        (late) => late.release(),
        () => undefined,
      )
    throw error
  })
  return runStatement(client, statement, parts.limits, parts.egress, signal)
}

async function targetOf({ connections }: SqlParts, { tenant }: BlockContext, input: Input): Promise<Target> {
  const { connection, connection_string: older, write } = input
  const asked = connection ?? older ?? ''
  if (asked === '') throw new BlockError('MISSING_CONNECTION_STRING', "the step's input has no 'connection'")
  const isOlder = connection === undefined
  const named = await connections.find('postgres', asked, tenant)
  if (named !== null) {
    const mayWrite = (write ?? isOlder) && named.readOnly !== true
    return { kind: 'postgres', address: named.url, mayWrite, lists: !isOlder }
  }
  const mayWrite = write ?? isOlder
  if (asked.startsWith(SQLITE)) return { kind: 'sqlite', file: asked.slice(SQLITE.length), mayWrite }
  if (/^postgres(?:ql)?:/.test(asked)) return { kind: 'postgres', address: asked, mayWrite, lists: !isOlder }
  throw new BlockError(
    'DB_CONNECTION_ERROR',
    `the connection is none of tenant '${tenant}'; expected the name of one, postgres://..., or sqlite: and a path`,
    { class: 'permanent' },
  )
}
