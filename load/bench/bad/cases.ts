/** Inputs that mean no good, for every pool, with the code that each ends with; and good ones of the same blocks. */
import type { Json } from '../../../schemas/json.ts'

export interface BadCase {
  readonly group: string
  readonly type: string
  readonly input: { readonly [field: string]: Json }
  readonly code: string
}

export interface GoodCase {
  readonly group: string
  readonly type: string
  readonly input: { readonly [field: string]: Json }
}

export interface Addresses {
  /** `http://...` of the hostile server, and of the one that only claims to speak HTTP. */
  readonly http: string
  readonly raw: string
  /** Of a Postgres; `null`: there is none. */
  readonly postgres: string | null
}

/** What only a deadline ends has so many milliseconds. */
const SHORT_MS = 60

const SCRIPTS: readonly (readonly [code: string, ends: string])[] = [
  ['for (;;);', 'TIMEOUT'],
  ['/^(a+)+$/.test("a".repeat(40) + "b")', 'TIMEOUT'],
  ['a = []; a.length = 2 ** 32 - 1; a.indexOf(1)', 'TIMEOUT'],
  ['(function f() { f() })()', 'SCRIPT_LIMIT'],
  ['let a = []; for (;;) a.push(new Array(1000).fill(1))', 'SCRIPT_LIMIT'],
  ['"x".repeat(2e6)', 'OUTPUT_TOO_LARGE'],
  ['JSON.parse("[".repeat(1e6))', 'SCRIPT_LIMIT'],
  ['let a = []; for (let i = 0; i < 600; i++) a = [a]; a', 'SCRIPT_LIMIT'],
  ['new Promise(() => {})', 'SCRIPT_UNSETTLED'],
  ['constructor.constructor("return process")()', 'SCRIPT_ERROR'],
  ['(async () => {}).constructor("return process")()', 'SCRIPT_ERROR'],
  ['for await (const x of (async function* () { for (;;) yield 1 })());', 'TIMEOUT'],
  ['new Proxy({}, { ownKeys() { for (;;); } })', 'TIMEOUT'],
  ['({ get a() { throw new Error("x") } })', 'SCRIPT_ERROR'],
  ['Object.prototype.polluted = 1; JSON.stringify = () => "{"; undefined()', 'SCRIPT_ERROR'],
]

const ADDRESSES: readonly string[] = [
  'http://2130706433/',
  'http://0177.0.0.1/',
  'http://0x7f000001/',
  'http://127.1/',
  'http://[::ffff:127.0.0.1]/',
  'http://１２７.０.０.１/',
  'http://127.0.0.1./',
  'http://public.example@127.0.0.1/',
  'http://[64:ff9b::7f00:1]/',
  'http://[2002:7f00:1::]/',
  'http://169.254.169.254/latest/meta-data',
]

const HTTP: readonly (readonly [path: string, code: string])[] = [
  ['/to-metadata', 'EGRESS_REFUSED'],
  ['/loop', 'TOO_MANY_REDIRECTS'],
  ['/bomb', 'RESPONSE_TOO_LARGE'],
]

const RAW: readonly (readonly [path: string, code: string])[] = [
  ['/two-lengths', 'HTTP_REQUEST_FAILED'],
  ['/no-http', 'HTTP_REQUEST_FAILED'],
  ['/cut', 'HTTP_REQUEST_FAILED'],
  ['/endless', 'RESPONSE_TOO_LARGE'],
  ['/drip', 'TIMEOUT'],
]

const PATHS: readonly (readonly [path: string, code: string])[] = [
  ['../x', 'INVALID_PATH'],
  ['/etc/passwd', 'INVALID_PATH'],
  ['a\0b', 'INVALID_PATH'],
  ['x'.repeat(300), 'INVALID_PATH'],
  ['link/secret.txt', 'FILE_READ_ERROR'],
  ['link.txt', 'FILE_READ_ERROR'],
  ['pipe', 'FILE_READ_ERROR'],
  ['zero', 'FILE_READ_ERROR'],
]

const ENDLESS_ROWS = 'with recursive c(x) as (select 1 union all select x + 1 from c)'
const SQLITE: readonly (readonly [query: string, code: string])[] = [
  ['select 1; delete from items', 'DB_QUERY_ERROR'],
  ["attach database '/tmp/x.db' as x", 'DB_QUERY_ERROR'],
  [`${ENDLESS_ROWS} select x from c limit 100000`, 'RESULT_TOO_LARGE'],
  ['select randomblob(900000000)', 'DB_QUERY_ERROR'],
  [`${ENDLESS_ROWS} select count(*) from c`, 'TIMEOUT'],
]

const POSTGRES: readonly (readonly [query: string, code: string, args?: readonly Json[]])[] = [
  ['select 1; drop table items', 'DB_QUERY_ERROR'],
  ["copy items to program 'id'", 'DB_QUERY_ERROR'],
  ['select pg_sleep(60)', 'TIMEOUT'],
  ["select repeat('x', 1000) from generate_series(1, 100000)", 'RESULT_TOO_LARGE'],
  ['select $1::int', 'DB_QUERY_ERROR', ['x']],
  // ends its own connection
  ['select pg_terminate_backend(pg_backend_pid())', 'DB_CONNECTION_ERROR'],
]

const KERNELS: readonly (readonly [input: { readonly [field: string]: Json }, code: string])[] = [
  [{ kernel: 'matmul', a: [[1, 2]], b: [[1, 2]] }, 'SHAPE_MISMATCH'],
  [{ kernel: 'softmax', values: [1, 1e39] }, 'NOT_FINITE'],
  [{ kernel: 'map', formula: '1 / x', inputs: { x: [0] } }, 'NOT_FINITE'],
  [{ kernel: 'reduce', op: 'sum', values: [] }, 'SHAPE_MISMATCH'],
  [{ kernel: 'image-resize', image: [[1]], height: 65_536, width: 65_536 }, 'TOO_LARGE'],
  [{ kernel: 'fft' }, 'KERNEL_UNKNOWN'],
  [{ kernel: 'map', formula: 'process.exit()', inputs: { x: [1] } }, 'KERNEL_SYNTAX'],
]

const PROMPTS: readonly (readonly [prompt: string, code: string])[] = [
  ['malformed', 'LLM_STREAM_BROKEN'],
  ['stall', 'LLM_STALLED'],
  ['storm', 'HTTP_ERROR'],
  ['unknown tool', 'LLM_UNKNOWN_TOOL'],
  ['endless', 'RESPONSE_TOO_LARGE'],
]

const TOOLS = [{ name: 'weather', description: 'of a city', parameters: { type: 'object' } }]

export function badCases({ http, raw, postgres }: Addresses): readonly BadCase[] {
  const timeout_ms = SHORT_MS
  const limit = (code: string): { readonly [field: string]: Json } => (code === 'TIMEOUT' ? { timeout_ms } : {})
  const sqlite = { connection: 'sqlite:bad.db' }
  return [
    ...SCRIPTS.map(([code, ends]) => bad('scripts', 'javascript', { code, ...limit(ends) }, ends)),
    ...ADDRESSES.map((url) => bad('addresses', 'http', { url }, 'EGRESS_REFUSED')),
    ...HTTP.map(([path, code]) => bad('addresses', 'http', { url: `${http}${path}` }, code)),
    ...RAW.map(([path, code]) => bad('addresses', 'http', { url: `${raw}${path}`, ...limit(code) }, code)),
    ...PATHS.map(([path, code]) => bad('files', 'fs.get', { path }, code)),
    ...SQLITE.map(([query, code]) => bad('sqlite', 'sql', { ...sqlite, query, ...limit(code) }, code)),
    ...(postgres === null ? [] : POSTGRES).map(([query, code, args]) =>
      bad('postgres', 'sql', { connection: postgres!, query, ...(args && { args }), ...limit(code) }, code),
    ),
    ...KERNELS.map(([input, code]) => bad('kernels', 'kernel', input, code)),
    ...PROMPTS.map(([prompt, code]) => bad('llm', 'llm', { prompt, tools: TOOLS }, code)),
  ]
}

function bad(group: string, type: string, input: BadCase['input'], code: string): BadCase {
  return { group, type, input, code }
}

export function goodCases({ http, postgres }: Addresses): readonly GoodCase[] {
  const cases: readonly GoodCase[] = [
    { group: 'scripts', type: 'javascript', input: { code: '1 + 1' } },
    { group: 'addresses', type: 'http', input: { url: `${http}/good` } },
    { group: 'files', type: 'fs.get', input: { path: 'good.txt' } },
    { group: 'sqlite', type: 'sql', input: { connection: 'sqlite:bad.db', query: 'select count(*) from items' } },
    { group: 'kernels', type: 'kernel', input: { kernel: 'softmax', values: [1, 2, 3] } },
  ]
  if (postgres === null) return cases
  return [...cases, { group: 'postgres', type: 'sql', input: { connection: postgres, query: 'select 1 as one' } }]
}
