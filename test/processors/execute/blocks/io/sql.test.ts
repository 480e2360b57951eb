import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { checkStatement } from '../../../../../processors/execute/blocks/io/sql/statement.ts'
import type { BuiltInBlocks } from '../../../../../processors/execute/blocks/registry.ts'
import type { TenantId } from '../../../../../schemas/ids.ts'
import type { Json } from '../../../../../schemas/json.ts'
import { contextOf, LOCAL_EGRESS, openBlocks } from '../support.ts'
import { describeWith, missingPostgres, startPostgres } from './servers.ts'

type Input = { readonly [name: string]: Json }

async function run(set: BuiltInBlocks, input: Input, type = 'sql', signal?: AbortSignal): Promise<Json> {
  const context = contextOf(signal === undefined ? {} : { signal })
  return await set.blocks.find((block) => block.type === type)!.run(context, input)
}

const codeOf = (outcome: Promise<unknown>): Promise<unknown> =>
  outcome.then(
    (output) => output,
    (error: { code: string; class?: string }) => [error.code, error.class ?? null],
  )

describe('statements', () => {
  test.each<[string, boolean, string]>([
    ['select 1', false, 'run'],
    ['  -- a comment\n /* another /* nested */ */ SELECT 1 ; ', false, 'run'],
    ['(select 1)', false, 'run'],
    ["select ';' || \";\" || $$;$$ || $a$;$$;$a$ || E'\\';' -- ;", false, 'run'],
    ['with x as (select 1) select * from x', false, 'run'],
    ['insert into t values (1)', true, 'run'],
    ['insert into t values (1)', false, 'changes data'],
    ['drop table t', false, 'changes data'],
    ['select 1; select 2', true, 'more than one statement'],
    ["select 'a'; drop table t", true, 'more than one statement'],
    ["select 'it''s'; select 1", true, 'more than one statement'],
    ["select '\\'; select 1 --'", true, 'more than one statement'],
    ["copy t to program 'id'", true, 'are not run'],
    ["copy (select 1) to '/tmp/x'", true, 'are not run'],
    ['/**/copy t from stdin', true, 'are not run'],
    ['do $$ begin end $$', true, 'are not run'],
    ['begin', true, 'are not run'],
    ['commit', true, 'are not run'],
    ['set role postgres', true, 'are not run'],
    ["attach '/x' as y", true, 'are not run'],
    ["load 'x'", true, 'are not run'],
    ['vacuum', true, 'are not run'],
    ['', false, "no 'query'"],
    [' ; -- nothing', false, 'no statement'],
    ['$$', false, 'are not run'],
    [`select '${'x'.repeat(100_001)}'`, false, 'at most 100000'],
  ])('%j (write %s): %s', (query, mayWrite, expected) => {
    if (expected === 'run') expect(checkStatement(query, mayWrite)).toBe(query)
    else expect(() => checkStatement(query, mayWrite)).toThrow(expected)
  })
})

describeWith('sql on Postgres', missingPostgres, startPostgres, (server) => {
  let set: BuiltInBlocks
  let admin: pg.Client
  const url = (rest = '') => `postgres://postgres:password-of-db@127.0.0.1:${server().port}/postgres${rest}`
  beforeAll(async () => {
    set = openBlocks({
      egress: LOCAL_EGRESS,
      connections: {
        db: { kind: 'postgres', url: url() },
        reader: { kind: 'postgres', url: url(), readOnly: true },
        theirs: { kind: 'postgres', url: url(), tenants: ['other'] },
        hidden: { kind: 'postgres', url: 'secret://db-url' },
      },
      secrets: { values: { 'db-url': url() } },
      sql: { statementTimeoutMs: 2_000, limits: { rows: 1_000, bytes: 200_000 } },
    })
    admin = new pg.Client({ host: '127.0.0.1', port: server().port, user: 'postgres', database: 'postgres' })
    admin.on('error', () => undefined)
    await admin.connect()
    await admin.query(
      'create table stock(sku text primary key, qty int); insert into stock values ($$a$$, 5), ($$b$$, 0)',
    )
  })
  afterAll(async () => {
    await set.close()
    await admin.end()
  })

  test('columns of all common types', async () => {
    const columns: readonly (readonly [sql: string, expected: Json])[] = [
      ['true', true],
      ['1::int2', 1],
      ['2::int4', 2],
      ['3::int8', 3],
      ['9007199254740993::int8', '9007199254740993'],
      ['1.5::float4', 1.5],
      ['0.1::float8', 0.1],
      ["'NaN'::float8", 'NaN'],
      ['12.34::numeric', 12.34],
      ['123456789012345678.9::numeric', '123456789012345678.9'],
      ["'x'::text", 'x'],
      ["'x'::char(3)", 'x  '],
      ['null', null],
      [`'{"a":[1]}'::jsonb`, { a: [1] }],
      [`'[1]'::json`, [1]],
      ["'00000000-0000-0000-0000-000000000001'::uuid", '00000000-0000-0000-0000-000000000001'],
      ["'2024-01-02 03:04:05.678+02'::timestamptz", '2024-01-02T01:04:05.678Z'],
      ["'2024-01-02 03:04:05'::timestamp", '2024-01-02T03:04:05'],
      ["date '2024-01-02'", '2024-01-02'],
      ["time '03:04'", '03:04:00'],
      ["interval '1 day 2 hours'", 'P1DT2H'],
      ["'\\xff00'::bytea", '/wA='],
      ['array[1,2,null]', [1, 2, null]],
      ["array['a','b,c']", ['a', 'b,c']],
      [
        'array[[1,2],[3,4]]',
        [
          [1, 2],
          [3, 4],
        ],
      ],
      ["inet '10.0.0.1'", '10.0.0.1'],
      ['int4range(1,5)', '[1,5)'],
    ]
    const query = `select ${columns.map(([sql], index) => `${sql} as c${index}`).join(', ')}`
    const output = (await run(set, { connection: 'db', query })) as { readonly rows: readonly Input[] }
    expect(Object.values(output.rows[0]!)).toEqual(columns.map(([, expected]) => expected))
  })

  test('parameters', async () => {
    const query = 'select $1::int as i, $2::text as t, $3::jsonb as j, $4::int[] as l, $5::bool as b'
    const args = [7, "'; drop table stock --", { a: 1 }, [1, 2], null]
    const rows = [{ i: 7, t: "'; drop table stock --", j: { a: 1 }, l: [1, 2], b: null }]
    expect(await run(set, { connection: 'db', query, args })).toEqual({ rows, rows_affected: 1 })
  })

  test('connections by name, by secret, by address', async () => {
    for (const connection of ['db', 'hidden', url(), 'secret://db-url']) {
      expect(
        await run(set, { connection, query: 'select qty from stock where sku = $1', args: ['a'] }),
        connection,
      ).toEqual({
        rows: [{ qty: 5 }],
        rows_affected: 1,
      })
    }
    const theirs = { connection: 'theirs', query: 'select 1' }
    await expect(run(set, theirs)).rejects.toMatchObject({ code: 'DB_CONNECTION_ERROR', class: 'permanent' })
    const other = contextOf({ tenant: 'other' as TenantId })
    expect(await set.blocks.find(({ type }) => type === 'sql')!.run(other, theirs)).toMatchObject({ rows_affected: 1 })
  })

  test('changes only where it may', async () => {
    const query = "update stock set qty = qty + 1 where sku = 'b'"
    expect(await run(set, { connection: 'db', query, write: true })).toEqual({ rows: [], rows_affected: 1 })
    expect(await run(set, { connection_string: url(), query })).toEqual({ rows: [], rows_affected: 1 })
    const hidden = 'with x as (delete from stock returning 1) select * from x'
    for (const input of [
      { connection: 'db', query },
      { connection: 'reader', query, write: true },
      { connection: 'db', query: hidden },
      { connection: 'reader', query: hidden, write: true },
      { connection: 'db', query: "select set_config('transaction_read_only', 'off', false), nextval('x')" },
    ]) {
      expect(await codeOf(run(set, input)), JSON.stringify(input)).toEqual(['DB_QUERY_ERROR', 'permanent'])
    }
    expect((await admin.query("select qty from stock where sku = 'b'")).rows).toEqual([{ qty: 2 }])
  })

  test('what a step sets is not there for the next one', async () => {
    const set1 =
      "select set_config('search_path', 'nowhere', false), set_config('default_transaction_read_only', 'on', false)"
    await run(set, { connection: 'db', query: set1 })
    await run(set, { connection: 'db', query: set1, write: true })
    for (let i = 0; i < 12; i++) {
      expect(await run(set, { connection: 'db', query: 'select count(*) as n from stock' })).toMatchObject({
        rows: [{ n: 2 }],
      })
    }
  })

  test.each<[string, Input, readonly [string, string | null]]>([
    ['stacked', { query: 'select 1; drop table stock' }, ['DB_QUERY_ERROR', 'permanent']],
    ['a program', { query: "copy stock to program 'id'", write: true }, ['DB_QUERY_ERROR', 'permanent']],
    ['a wrong parameter', { query: 'select $1::int', args: ['x'] }, ['DB_QUERY_ERROR', 'permanent']],
    ['too few parameters', { query: 'select $1::int + $2::int', args: [1] }, ['DB_QUERY_ERROR', 'permanent']],
    ['a NUL', { query: 'select $1', args: ['a\0b'] }, ['DB_QUERY_ERROR', 'permanent']],
    ['wrong syntax', { query: 'select from where' }, ['DB_QUERY_ERROR', 'permanent']],
    ['no table', { query: 'select * from nowhere' }, ['DB_QUERY_ERROR', 'permanent']],
    ['many rows', { query: 'select generate_series(1, 100000)' }, ['RESULT_TOO_LARGE', null]],
    ['large rows', { query: "select repeat('x', 1000) from generate_series(1, 100000)" }, ['RESULT_TOO_LARGE', null]],
    ['one huge value', { query: "select repeat('x', 50000000)" }, ['RESULT_TOO_LARGE', null]],
    ['sleep, up to the limit of statements', { query: 'select pg_sleep(60)' }, ['DB_QUERY_ERROR', 'transient']],
    ['sleep, up to its own limit', { query: 'select pg_sleep(60)', timeout_ms: 100 }, ['TIMEOUT', null]],
  ])('%s', async (_name, input, expected) => {
    expect(await codeOf(run(set, { connection: 'db', ...input }))).toEqual(expected)
    expect(await run(set, { connection: 'db', query: 'select 1 as one' })).toEqual({
      rows: [{ one: 1 }],
      rows_affected: 1,
    })
  })

  test('an abort ends the statement in the database too', async () => {
    const controller = new AbortController()
    const running = run(set, { connection: 'db', query: 'select pg_sleep(61)' }, 'sql', controller.signal)
    const active =
      "select count(*)::int as n from pg_stat_activity where query = 'select pg_sleep(61)' and state = 'active'"
    await expect.poll(async () => (await admin.query(active)).rows[0].n).toBe(1)
    controller.abort(new Error('enough'))
    await expect(running).rejects.toThrow('enough')
    await expect.poll(async () => (await admin.query(active)).rows[0].n).toBe(0)
  })

  test('a connection that is lost in mid-query is transient, and the next step has another', async () => {
    const running = codeOf(run(set, { connection: 'db', query: 'select pg_sleep(62)' }))
    const kill =
      "select pg_terminate_backend(pid) from pg_stat_activity where query = 'select pg_sleep(62)' and state = 'active'"
    await expect.poll(async () => (await admin.query(kill)).rowCount).toBe(1)
    expect(await running).toEqual(['DB_CONNECTION_ERROR', 'transient'])
    expect(await run(set, { connection: 'db', query: 'select 1 as one' })).toMatchObject({ rows: [{ one: 1 }] })
  })

  test('messages hold no password', async () => {
    const inputs = [
      { connection_string: url('?host=/tmp'), query: 'select 1' },
      { connection_string: 'postgres://postgres:password-of-db@127.0.0.1:1/x', query: 'select 1' },
      { connection_string: 'postgres://postgres:password-of-db@10.0.0.1/x', query: 'select 1' },
      { connection_string: 'mysql://postgres:password-of-db@127.0.0.1/x', query: 'select 1' },
      { connection_string: url().replace('/postgres', '/none'), query: 'select 1' },
    ]
    for (const input of inputs) {
      const error = await run(set, input).catch((thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(Error)
      expect(JSON.stringify([String(error), error])).not.toContain('password-of-db')
    }
  })

  test('the error of a connection names the address, without credentials', async () => {
    const connection_string = 'postgres://ada:private@127.0.0.1:1/x'
    await expect(run(set, { connection_string, query: 'select 1' })).rejects.toMatchObject({
      code: 'DB_CONNECTION_ERROR',
      message: expect.stringMatching(/^no connection to the database at 127\.0\.0\.1:1: (?!.*(ada|private))/),
    })
  })

  test('a percent sign of a password may stand for itself', async () => {
    const connection_string = url().replace('password-of-db', '100%')
    expect(await run(set, { connection_string, query: 'select 1 as one' })).toMatchObject({ rows: [{ one: 1 }] })
  })

  test('many steps at once share few connections', async () => {
    const all = Array.from({ length: 200 }, (_, i) =>
      run(set, { connection: 'db', query: 'select $1::int as i', args: [i] }),
    )
    expect((await Promise.all(all)).map((output) => (output as { rows: { i: number }[] }).rows[0]!.i)).toEqual(
      all.map((_, i) => i),
    )
    const { rows } = await admin.query(
      "select count(*)::int as n from pg_stat_activity where application_name = 'beamline'",
    )
    expect(rows[0].n).toBeLessThanOrEqual(20)
  })
})

describe('sql on SQLite', () => {
  const folder = mkdtempSync(join(tmpdir(), 'beamline-sqlite-'))
  const set = openBlocks({ files: { folder }, sql: { limits: { rows: 100, bytes: 10_000 }, sqliteProcesses: 1 } })
  const connection = 'sqlite:data/stock.db'
  beforeAll(async () => {
    await run(set, { connection, query: 'create table stock(sku text, qty int, data blob)', write: true })
    await run(set, { connection, query: 'insert into stock values (?, ?, ?)', args: ['a', 5, null], write: true })
    mkdirSync(join(folder, 'elsewhere'))
    writeFileSync(join(folder, 'elsewhere', 'x.db'), '')
    symlinkSync(join(folder, 'elsewhere'), join(folder, 'acme', 'link'))
    symlinkSync(join(folder, 'elsewhere', 'x.db'), join(folder, 'acme', 'link.db'))
  })
  afterAll(async () => {
    await set.close()
    rmSync(folder, { recursive: true })
  })

  test('rows, counts and values', async () => {
    const query = "select sku, qty, data, 9007199254740993 as big, 1.5 as f, x'ff00' as b from stock where sku = ?"
    expect(await run(set, { connection, query, args: ['a'] })).toEqual({
      rows: [{ sku: 'a', qty: 5, data: null, big: '9007199254740993', f: 1.5, b: '/wA=' }],
      rows_affected: 1,
    })
    expect(await run(set, { connection, query: 'update stock set qty = 6', write: true })).toEqual({
      rows: [],
      rows_affected: 1,
    })
  })

  test.each<[string, Input, string]>([
    ['a write without leave', { query: 'delete from stock' }, 'DB_QUERY_ERROR'],
    ['a write in disguise', { query: 'with x as (select 1) delete from stock' }, 'DB_QUERY_ERROR'],
    ['stacked', { query: 'select 1; delete from stock', write: true }, 'DB_QUERY_ERROR'],
    ['another file', { query: "attach database '/tmp/x.db' as x", write: true }, 'DB_QUERY_ERROR'],
    ['settings', { query: 'pragma journal_mode = wal', write: true }, 'DB_QUERY_ERROR'],
    ['code', { query: "select load_extension('/tmp/x.so')" }, 'DB_QUERY_ERROR'],
    [
      'many rows',
      { query: 'with recursive c(x) as (select 1 union all select x + 1 from c limit 1000) select x from c' },
      'RESULT_TOO_LARGE',
    ],
    ['a huge value', { query: 'select randomblob(900000000)' }, 'DB_QUERY_ERROR'],
    [
      'no end',
      {
        query: 'with recursive c(x) as (select 1 union all select x + 1 from c) select count(*) from c',
        timeout_ms: 200,
      },
      'TIMEOUT',
    ],
    ['no file', { connection: 'sqlite:none.db', query: 'select 1' }, 'DB_CONNECTION_ERROR'],
    ['outside', { connection: 'sqlite:../elsewhere/x.db', query: 'select 1' }, 'INVALID_PATH'],
    ['a link to a folder', { connection: 'sqlite:link/x.db', query: 'select 1' }, 'DB_CONNECTION_ERROR'],
    ['a link to a file', { connection: 'sqlite:link.db', query: 'select 1' }, 'DB_CONNECTION_ERROR'],
  ])('%s', async (_name, input, code) => {
    await expect(run(set, { connection, ...input })).rejects.toMatchObject({ code })
    expect(await run(set, { connection, query: 'select count(*) as n from stock' })).toMatchObject({ rows: [{ n: 1 }] })
  })
})
