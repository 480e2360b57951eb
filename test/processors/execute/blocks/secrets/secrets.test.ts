import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Block, BlockError } from '../../../../../processors/execute/block.ts'
import { createRedactor, formsOf } from '../../../../../processors/execute/blocks/secrets/redact.ts'
import { createSecretSource, secretsOfEnvironment } from '../../../../../processors/execute/blocks/secrets/source.ts'
import { sealSecrets, unsealSecrets } from '../../../../../processors/execute/blocks/secrets/store-file.ts'
import { withSecrets } from '../../../../../processors/execute/blocks/secrets/with-secrets.ts'
import { blockSettingsOf } from '../../../../../processors/execute/blocks/settings.ts'
import type { TenantId } from '../../../../../schemas/ids.ts'
import type { Json } from '../../../../../schemas/json.ts'
import { fc } from '../../../../support/fast-check.ts'
import { contextOf } from '../support.ts'

const acme = 'acme' as TenantId
const other = 'other' as TenantId

describe('sources', () => {
  const folder = mkdtempSync(join(tmpdir(), 'beamline-secret-files-'))
  const file = join(folder, 'store.json')
  const stored = { '*': { shared: 'of all', both: 'stored' }, acme: { own: 'of acme' } }
  beforeAll(() => {
    mkdirSync(join(folder, 'files', 'acme'), { recursive: true })
    writeFileSync(join(folder, 'files', 'token'), 'for all\n')
    writeFileSync(join(folder, 'files', 'acme', 'token'), 'for acme\r\n')
    writeFileSync(join(folder, 'files', 'both'), 'a file')
    writeFileSync(join(folder, 'files', 'large'), 'x'.repeat(70_000))
    writeFileSync(
      file,
      sealSecrets(
        stored,
        'pass phrase',
        new Uint8Array(28).map((_, i) => i),
      ),
    )
  })
  afterAll(() => rmSync(folder, { recursive: true }))
  const source = createSecretSource({
    folder: join(folder, 'files'),
    values: secretsOfEnvironment({ BEAMLINE_SECRET_DB_PASSWORD: 'from env', BEAMLINE_SECRET_EMPTY: '', PATH: '/bin' }),
    store: { file, key: 'pass phrase' },
  })

  test.each<[TenantId, string, string | null]>([
    [acme, 'token', 'for acme'],
    [other, 'token', 'for all'],
    [acme, 'both', 'a file'],
    [acme, 'shared', 'of all'],
    [acme, 'own', 'of acme'],
    [other, 'own', null],
    [acme, 'db-password', 'from env'],
    [acme, 'empty', null],
    [acme, 'path', null],
    [acme, 'large', null],
    [acme, 'acme', null],
    [acme, '../store.json', null],
    [acme, '..', null],
    [acme, '__proto__', null],
    [acme, 'constructor', null],
    [acme, 'toString', null],
  ])('%s %s: %j', async (tenant, name, expected) => {
    expect(await source(tenant, name)).toBe(expected)
  })

  test('an encrypted file opens with its key only, and unchanged only', () => {
    const sealed = sealSecrets(stored, 'pass phrase', crypto.getRandomValues(new Uint8Array(28)))
    expect(unsealSecrets(sealed, 'pass phrase')).toEqual(stored)
    expect(sealed).not.toContain('of all')
    const { tag, ...rest } = JSON.parse(sealed)
    const changed = JSON.stringify({ ...rest, tag: `${tag.startsWith('A') ? 'B' : 'A'}${tag.slice(1)}` })
    const short = JSON.stringify({ ...rest, tag: tag.slice(0, 8) })
    for (const [text, key] of [
      [sealed, 'other'],
      [changed, 'pass phrase'],
      [short, 'pass phrase'],
      ['{}', 'x'],
      ['', 'x'],
    ] as const) {
      expect(() => unsealSecrets(text, key)).toThrow('cannot be opened')
    }
    expect(() => sealSecrets(stored, 'x', new Uint8Array(27))).toThrow('expected 28')
  })

  test('an encrypted file is read again when it changes', async () => {
    const own = join(folder, 'changing.json')
    writeFileSync(own, sealSecrets({ '*': { a: 'one!' } }, 'k', crypto.getRandomValues(new Uint8Array(28))))
    const changing = createSecretSource({ store: { file: own, key: 'k' } })
    expect(await changing(acme, 'a')).toBe('one!')
    await expect
      .poll(() => {
        writeFileSync(own, sealSecrets({ '*': { a: 'two!' } }, 'k', crypto.getRandomValues(new Uint8Array(28))))
        return changing(acme, 'a')
      })
      .toBe('two!')
  })
})

describe('redaction', () => {
  const secrets = fc.string({ unit: 'grapheme', minLength: 4, maxLength: 40 })
  /** How a secret may come out again. */
  const shown: readonly ((text: string) => string)[] = [
    (text) => text,
    (text) => JSON.stringify({ a: text }),
    encodeURIComponent,
    (text) => new URLSearchParams([['k', text]]).toString(),
    (text) => Buffer.from(text).toString('hex'),
  ]

  test('finds a secret in every form', () => {
    fc.assert(
      fc.property(secrets, fc.string(), fc.string(), (secret, before, after) => {
        // a lone surrogate has no UTF-8
        if (!secret.isWellFormed()) return
        const { text } = createRedactor(new Map([['s', secret]]))
        for (const show of shown) {
          const said = before + show(secret) + after
          for (const form of formsOf(secret)) {
            if (!'[secret s]'.includes(form)) expect(text(said).includes(form), `${form} in ${text(said)}`).toBe(false)
          }
        }
      }),
    )
  })

  test('finds it in base64, whatever is around it', () => {
    const long = fc.string({ unit: 'grapheme', minLength: 8, maxLength: 40 })
    fc.assert(
      fc.property(
        long,
        fc.string(),
        fc.string(),
        fc.constantFrom<BufferEncoding>('base64', 'base64url'),
        (secret, before, after, encoding) => {
          if (!secret.isWellFormed()) return
          const said = Buffer.from(before + secret + after).toString(encoding)
          expect(createRedactor(new Map([['s', secret]])).text(said)).toContain('[secret s]')
        },
      ),
    )
  })

  test('values keep their form', () => {
    const { value } = createRedactor(new Map([['s', 'hush-hush']]))
    const said = { a: ['x hush-hush', 5, null], 'hush-hush': true, hex: Buffer.from('hush-hush').toString('hex') }
    expect(value(said)).toEqual({ a: ['x [secret s]', 5, null], '[secret s]': true, hex: '[secret s]' })
  })
})

function deep(): Json {
  let value: Json = 1
  for (let i = 0; i < 100_000; i++) value = [value]
  return value
}

describe('a block with secrets', () => {
  const given: Json[] = []
  const block: Block = {
    type: 'x',
    version: 1,
    pool: 'io',
    summary: 'Says what it is told.',
    inputSchema: {},
    errors: [{ code: 'SAID', class: 'transient', meaning: 'As asked.' }],
    takesSecrets: true,
    example: null,
    run: (context, input) => {
      given.push(input)
      context.progress?.(input)
      context.log?.({ level: 'info', message: JSON.stringify(input) })
      const { fail } = input as { readonly fail?: string }
      if (fail === 'block')
        throw new BlockError('SAID', JSON.stringify(input), {
          detail: input,
          retryAfterMs: 5,
          class: 'terminal',
          cause: new Error(JSON.stringify(input)),
        })
      if (fail === 'other') throw new TypeError(JSON.stringify(input))
      return input
    },
  }
  const wrapped = withSecrets(block, async (_tenant, name) => {
    if (name === 'broken') throw Object.assign(new Error('/secret/path'), { code: 'EACCES' })
    return { key: 'the-real-key', short: 'abc' }[name] ?? null
  })

  test('gets them, and does not say them', async () => {
    const heard: string[] = []
    const context = contextOf({
      progress: (value) => heard.push(JSON.stringify(value)),
      log: ({ message }) => heard.push(message),
    })
    const output = await wrapped.run(context, { a: 'Bearer secret://key', b: 'secret:///key', n: 1 })
    expect(given.at(-1)).toEqual({ a: 'Bearer the-real-key', b: 'secret://key', n: 1 })
    expect(output).toEqual({ a: 'Bearer [secret key]', b: 'secret://key', n: 1 })
    expect(heard).toHaveLength(2)
    expect(heard.join()).not.toContain('the-real-key')
  })

  test('hears all else that there is to know of the attempt', async () => {
    const known = { ...contextOf(), assignedAtMs: 5, traceparent: '00-a-b-01' }
    const heard: object[] = []
    const run: Block['run'] = ({ signal, ...context }) => {
      heard.push(context)
      return null
    }
    await withSecrets({ ...block, run }, async () => 'the-real-key').run(known, { a: 'secret://key' })
    const { signal, ...told } = known
    expect(heard).toEqual([told])
  })

  test.each([
    ['an output', () => deep(), { code: 'OUTPUT_TOO_LARGE' }],
    [
      'a detail',
      () => {
        throw new BlockError('SAID', 'x', { detail: deep() })
      },
      { code: 'SAID', detail: null },
    ],
  ])('%s that is nested too deep is not looked through', async (_what, run, expected) => {
    const deepBlock = withSecrets({ ...block, run }, async () => 'the-real-key')
    const error = await Promise.resolve(deepBlock.run(contextOf(), 'secret://key')).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject(expected)
  })

  test('fails without them', async () => {
    const error = (await Promise.resolve(wrapped.run(contextOf(), { a: 'secret://key', fail: 'block' })).catch(
      (e: unknown) => e,
    )) as BlockError
    expect(error).toMatchObject({ code: 'SAID', class: 'terminal', retryAfterMs: 5, detail: { a: '[secret key]' } })
    expect(error.cause).toBeUndefined()
    const plain = (await Promise.resolve(wrapped.run(contextOf(), { a: 'secret://key', fail: 'other' })).catch(
      (e: unknown) => e,
    )) as Error
    expect([plain.name, plain.message, String(plain.stack).includes('the-real-key')]).toEqual([
      'TypeError',
      '{"a":"[secret key]","fail":"other"}',
      false,
    ])
  })

  test.each([
    ['none', "the secret 'none' does not exist for tenant 'acme'"],
    ['short', "the secret 'short' is shorter than 4 characters"],
    ['broken', "the secret 'broken' cannot be read: EACCES"],
  ])('%s', async (name, message) => {
    await expect(wrapped.run(contextOf(), { a: `secret://${name}` })).rejects.toMatchObject({
      code: 'SECRET_UNAVAILABLE',
      message,
    })
  })

  test('one that takes none is left alone', () => {
    const { takesSecrets: _, ...none } = block
    expect(withSecrets(none, async () => 'x')).toBe(none)
  })
})

describe('settings from variables', () => {
  test('are read', () => {
    const settings = blockSettingsOf({
      BEAMLINE_EGRESS_ALLOW: ' 10.0.0.0/8 ,localhost,',
      BEAMLINE_EGRESS_DENY: '*:25',
      BEAMLINE_EGRESS_ONLY: 'true',
      BEAMLINE_SECRET_A_B: 'x',
      BEAMLINE_FILES: '/data/files',
      BEAMLINE_CONNECTIONS: '{"db":{"kind":"postgres","url":"secret://db"}}',
      BEAMLINE_SECRETS_STORE: 'file',
      BEAMLINE_SECRETS_KEY: 'key',
    })
    expect(settings).toMatchObject({
      egress: { allow: ['10.0.0.0/8', 'localhost'], deny: ['*:25'], only: true },
      secrets: { values: { 'a-b': 'x' }, store: { file: 'file', key: 'key' } },
      files: { folder: '/data/files' },
      connections: { db: { kind: 'postgres', url: 'secret://db' } },
    })
  })

  test.each<[object, string]>([
    [{ BEAMLINE_SECRETS_STORE: 'x' }, 'expected both'],
    [{ BEAMLINE_CONNECTIONS: '{"password":"hush"' }, 'is no JSON object'],
    [{ BEAMLINE_CONNECTIONS: '[]' }, 'is no JSON object'],
    [{ BEAMLINE_CONNECTIONS: '@/nowhere' }, 'is no JSON object'],
  ])('%j', (variables, message) => {
    expect(() => blockSettingsOf(variables as Record<string, string>)).toThrow(message)
    expect(() => blockSettingsOf(variables as Record<string, string>)).not.toThrow('hush')
  })
})
