import { describe, expect, it } from 'vitest'
import { createLogger, type LoggerOptions } from '../../../connectors/logging/logger.ts'
import { REDACTED, redact } from '../../../connectors/logging/redact.ts'

function capture(options: Partial<LoggerOptions> = {}) {
  const lines: string[] = []
  let nowMs = 1_750_000_000_000
  let monotonicMs = 500
  const environment = { now: () => Math.floor(nowMs), monotonic: () => monotonicMs }
  const logger = createLogger({
    environment,
    format: 'json',
    output: { write: (line) => lines.push(line) },
    ...options,
  })
  const advance = (ms: number, clock = ms): void => {
    monotonicMs += ms
    nowMs += clock
  }
  return { logger, advance, lines, last: () => JSON.parse(lines.at(-1)!) as Record<string, unknown> }
}

describe('createLogger', () => {
  it('writes the agreed fields', () => {
    const { logger, last, advance } = capture()
    advance(0.25)
    logger.child({ component: 'gateway' }).warn({ tenant_id: 'acme', run_id: 'r1', latency_ms: 7 }, 'slow')
    expect(last()).toEqual({
      level: 'WARN',
      timestamp: '2025-06-15T15:06:40.000250Z',
      component: 'gateway',
      tenant_id: 'acme',
      run_id: 'r1',
      latency_ms: 7,
      message: 'slow',
    })
  })

  it('follows the wall clock when it is set', () => {
    const { logger, last, advance } = capture()
    advance(10, 3_600_010)
    logger.info({}, 'later')
    expect(last().timestamp).toMatch(/^2025-06-15T16:06:40\.01/)
  })

  it('says nothing below its level', () => {
    const { logger, lines } = capture({ level: 'warn' })
    logger.info({}, 'routine')
    logger.debug({}, 'detail')
    expect(lines).toEqual([])
  })

  it('writes errors as type, message and stack, with their cause', () => {
    const { logger, last } = capture()
    const error = Object.assign(new TypeError('wrong', { cause: new Error('because') }), { code: 'E1' })
    logger.error({ error }, 'failed')
    expect(last().error).toMatchObject({
      type: 'TypeError',
      message: 'wrong',
      code: 'E1',
      stack: expect.stringContaining('logger.test.ts'),
      cause: { type: 'Error', message: 'because' },
    })
  })

  it('redacts what is logged and what is bound', () => {
    const { logger, lines } = capture()
    logger.child({ token: 'geheim-1' }).info({ request: { headers: { Authorization: 'geheim-2' } } }, 'in')
    expect(lines.join()).not.toContain('geheim')
    expect(lines.join()).toContain(REDACTED)
  })

  it('is readable on a terminal', () => {
    const { logger, lines } = capture({ format: 'human' })
    logger.error({ component: 'task', task: 3, reason: 'two words', error: new Error('boom') }, 'stopped')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours
    const plain = lines.join('').replace(/\u001b\[\d+m/g, '')
    expect(plain).toMatch(/^15:06:40\.000 ERROR task stopped task=3 reason="two words"\n {2}Error: boom\n {2} {4}at /)
    expect(plain.endsWith('\n')).toBe(true)
  })
})

describe('text that would make lines of its own, or steer a terminal', () => {
  const evil = 'a\r\n12:00:00.000 INFO  gateway all is well\u001b[2J\u001b]0;title\u0007\u009b31m\u2028\u0000\u007f'
  const fields = {
    [`na\nme\u001b[1m`]: evil,
    request_id: evil.replaceAll(' ', ''),
    nested: { text: evil },
    error: new Error(evil),
  }

  it('stays in its line of JSON', () => {
    const { logger, lines, last } = capture()
    logger.child({ component: evil }).error(fields, evil)
    expect(lines).toHaveLength(1)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what it is about
    expect(lines[0]).toMatch(/^[^\u0000-\u001f]*\n$/)
    expect(last()).toMatchObject({ message: evil, component: evil, nested: { text: evil } })
  })

  it('is shown as escapes on a terminal', () => {
    const { logger, lines } = capture({ format: 'human' })
    logger.child({ component: evil }).error(fields, evil)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours
    const plain = lines.join('').replace(/\u001b\[(0|90|31)m/g, '')
    expect(plain).not.toMatch(/[^\P{Cc}\n]|[\u2028\u2029]/u)
    const [head, ...below] = plain.trimEnd().split('\n')
    expect(head).toContain('\\x0d\\x0a12:00:00.000 INFO')
    // the stack is below, indented
    for (const line of below) expect(line).toMatch(/^ {2}/)
  })
})

describe('redact', () => {
  const names = [
    'password',
    'API_KEY',
    'Secret',
    'token',
    'access_token',
    'refresh_token',
    'Authorization',
    'credit_card',
    'ssn',
    'email',
    'phone',
    'Bearer',
    'X-Api-Key',
    'x-auth-token',
  ]
  it.each(names)('hides %s at any depth', (name) => {
    expect(redact({ a: [{ [name]: 'hidden', b: 1 }], [name]: { c: 'hidden too' } })).toEqual({
      a: [{ [name]: REDACTED, b: 1 }],
      [name]: REDACTED,
    })
  })

  it('leaves other values and the original as they are', () => {
    const original = { tokens: 3, nested: { password: 'x' } }
    expect(redact(original)).toEqual({ tokens: 3, nested: { password: REDACTED } })
    expect(original.nested.password).toBe('x')
  })

  it('ends on values that hold themselves, and on bytes and big numbers', () => {
    const loop: { self?: unknown } = {}
    loop.self = loop
    expect(JSON.stringify(redact(loop))).toContain('[TRUNCATED]')
    expect(redact({ bytes: new Uint8Array(5), big: 12n })).toEqual({ bytes: '[5 bytes]', big: '12' })
  })
})
