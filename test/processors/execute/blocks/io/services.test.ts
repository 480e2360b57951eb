/** Redis, e-mail, webhooks, Kafka, each against a real server where there is one. */
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type BlockContext, BlockError } from '../../../../../processors/execute/block.ts'
import type { KafkaMessage } from '../../../../../processors/execute/blocks/io/kafka-produce.ts'
import { signatureOf } from '../../../../../processors/execute/blocks/io/webhook.ts'
import type { BuiltInBlocks } from '../../../../../processors/execute/blocks/registry.ts'
import type { Json } from '../../../../../schemas/json.ts'
import { contextOf, LOCAL_EGRESS, openBlocks } from '../support.ts'
import { describeWith, type MailServer, missingRedis, startMailServer, startRedis } from './servers.ts'

async function run(
  set: BuiltInBlocks,
  type: string,
  input: { readonly [name: string]: Json },
  changes: Partial<BlockContext> = {},
): Promise<Json> {
  return await set.blocks.find((block) => block.type === type)!.run(contextOf(changes), input)
}

describeWith('redis', missingRedis, startRedis, (server) => {
  let set: BuiltInBlocks
  const redis = (input: { readonly [name: string]: Json }, changes: Partial<BlockContext> = {}) =>
    run(set, 'redis', input, changes)
  beforeAll(() => {
    const url = `redis://127.0.0.1:${server().port}/1`
    set = openBlocks({
      egress: LOCAL_EGRESS,
      connections: { redis: { kind: 'redis', url, prefix: 'flows:' }, plain: { kind: 'redis', url } },
    })
  })
  afterAll(() => set.close())

  test('sets, reads, deletes', async () => {
    expect(await redis({ op: 'get', key: 'a' })).toEqual({ value: null })
    expect(await redis({ op: 'set', key: 'a', value: { n: 1 } })).toEqual({ value: true })
    expect(await redis({ op: 'get', key: 'a' })).toEqual({ value: '{"n":1}' })
    expect(await redis({ op: 'get', key: 'flows:a', connection: 'plain' })).toEqual({ value: '{"n":1}' })
    expect(await redis({ op: 'set', key: 'a', value: 'x', only: 'absent' })).toEqual({ value: false })
    expect(await redis({ op: 'set', key: 'b', value: 'x', only: 'present' })).toEqual({ value: false })
    expect(await redis({ op: 'set', key: 'empty', value: '' })).toEqual({ value: true })
    expect(await redis({ op: 'get', key: 'empty' })).toEqual({ value: '' })
    expect(await redis({ op: 'delete', key: 'a' })).toEqual({ value: true })
    expect(await redis({ op: 'delete', key: 'a' })).toEqual({ value: false })
  })

  test('times to live', async () => {
    await redis({ op: 'set', key: 'short', value: 'x', ttl_ms: 30 })
    await expect.poll(() => redis({ op: 'get', key: 'short' })).toEqual({ value: null })
    await redis({ op: 'set', key: 'long', value: 'x' })
    expect(await redis({ op: 'expire', key: 'long', ttl_ms: 30 })).toEqual({ value: true })
    await expect.poll(() => redis({ op: 'get', key: 'long' })).toEqual({ value: null })
    expect(await redis({ op: 'expire', key: 'long', ttl_ms: 30 })).toEqual({ value: false })
  })

  test('counts once for each attempt', async () => {
    expect(await redis({ op: 'incr', key: 'n' }, { key: 'acme/1' })).toEqual({ value: 1 })
    expect(await redis({ op: 'incr', key: 'n' }, { key: 'acme/1' })).toEqual({ value: 1 })
    expect(await redis({ op: 'incr', key: 'n', by: 5 }, { key: 'acme/2' })).toEqual({ value: 6 })
  })

  test('publishes', async () => {
    expect(await redis({ op: 'publish', channel: 'news', value: 'x' })).toEqual({ value: 0 })
  })

  test('what the server refuses', async () => {
    await redis({ op: 'set', key: 'text', value: 'x' })
    await expect(redis({ op: 'incr', key: 'text' })).rejects.toMatchObject({ code: 'REDIS_COMMAND_ERROR' })
    await redis({ op: 'set', key: 'huge', value: 'x'.repeat(1_048_577) })
    await expect(redis({ op: 'get', key: 'huge' })).rejects.toMatchObject({ code: 'RESULT_TOO_LARGE' })
  })

  test('nobody there, and nobody who may be asked', async () => {
    const connections = {
      gone: { kind: 'redis', url: 'redis://ada:100%25%private@127.0.0.1:1' },
      inside: { kind: 'redis', url: 'redis://10.0.0.1' },
    } as const
    const other = openBlocks({ connections })
    await expect(run(other, 'redis', { op: 'get', key: 'a', connection: 'gone' })).rejects.toMatchObject({
      code: 'REDIS_CONNECTION_ERROR',
      message: expect.stringMatching(/^no connection to Redis at 127\.0\.0\.1:1: (?!.*private)/),
    })
    await expect(run(other, 'redis', { op: 'get', key: 'a', connection: 'inside' })).rejects.toMatchObject({
      code: 'EGRESS_REFUSED',
    })
    await other.close()
  })
})

describe('email', () => {
  let server: MailServer
  let set: BuiltInBlocks
  beforeAll(async () => {
    const refuse = (code: number, text: string) => Object.assign(new Error(text), { responseCode: code })
    server = await startMailServer({
      onAuth: ({ username, password }, _session, done) =>
        username === 'ada' && password === 'p@ss' ? done(null, { user: username }) : done(refuse(535, 'who?')),
      onRcptTo: ({ address }, _session, done) => {
        if (address.startsWith('nobody')) done(refuse(550, 'no such user'))
        else if (address.startsWith('later')) done(refuse(451, 'try later'))
        else done()
      },
    })
    const at = `127.0.0.1:${server.port}`
    set = openBlocks({
      secrets: { values: { smtp: `smtp://ada:p%40ss@${at}` } },
      connections: {
        smtp: { kind: 'smtp', url: 'secret://smtp', from: 'Beamline <flows@example.org>' },
        wrong: { kind: 'smtp', url: `smtp://ada:wrong-password@${at}`, from: 'x@example.org' },
        anonymous: { kind: 'smtp', url: `smtp://${at}` },
        inside: { kind: 'smtp', url: 'smtp://10.0.0.1', from: 'x@example.org' },
      },
    })
  })
  afterAll(async () => {
    await set.close()
    await server.stop()
  })

  test('is sent, with the same id for every attempt', async () => {
    const input = {
      to: ['Bob <bob@example.org>', 'eve@example.org'],
      bcc: 'hidden@example.org',
      subject: 'Größe\r\nBcc: injected@example.org',
      text: 'Hello',
      attachments: [{ filename: 'a.txt', content: 'attached', type: 'text/plain' }],
    }
    const first = (await run(set, 'email', input)) as { readonly messageId: string }
    const second = (await run(set, 'email', input, { attempt: 2, key: 'acme/run/one/2' })) as {
      readonly messageId: string
    }
    expect(first).toMatchObject({
      accepted: ['bob@example.org', 'eve@example.org', 'hidden@example.org'],
      rejected: [],
    })
    expect(second.messageId).toBe(first.messageId)
    const mail = server.mails[0]!
    expect(mail.recipients).toEqual(['bob@example.org', 'eve@example.org', 'hidden@example.org'])
    expect(mail.headers.get('from')).toBe('Beamline <flows@example.org>')
    expect(mail.headers.get('message-id')).toBe(first.messageId)
    expect([
      mail.headers.has('bcc'),
      mail.body.includes('Hello'),
      mail.body.includes(Buffer.from('attached').toString('base64')),
    ]).toEqual([false, true, true])
  })

  test.each<[string, { readonly [name: string]: Json }, string]>([
    ['a refused address', { to: 'nobody@example.org' }, 'EMAIL_REJECTED'],
    ['an address for later', { to: 'later@example.org' }, 'EMAIL_FAILED'],
    ['a wrong password', { connection: 'wrong', to: 'bob@example.org' }, 'EMAIL_REJECTED'],
    ['no sender', { connection: 'anonymous', to: 'bob@example.org' }, 'MISSING_SENDER'],
    ['a server that may not be dialled', { connection: 'inside', to: 'bob@example.org' }, 'EGRESS_REFUSED'],
  ])('%s', async (_name, input, code) => {
    const error = await run(set, 'email', { subject: 'x', text: 'x', ...input }).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code })
    expect(String(error)).not.toContain('wrong-password')
    if (code.startsWith('EMAIL')) expect(String(error)).toContain(`was not sent by 127.0.0.1:${server.port}: `)
  })

  test('some refused addresses are told', async () => {
    const output = await run(set, 'email', { to: ['bob@example.org', 'nobody@example.org'], subject: 'x', text: 'x' })
    expect(output).toMatchObject({ accepted: ['bob@example.org'], rejected: ['nobody@example.org'] })
  })

  test('no part of a message is read from a file', async () => {
    const attachments = [{ filename: '/etc/passwd', content: '' }]
    await run(set, 'email', { to: 'bob@example.org', subject: 'x', text: 'x', attachments })
    expect(server.mails.at(-1)!.body).not.toContain('root:')
  })
})

describe('webhook', () => {
  const seen: { readonly headers: IncomingMessage['headers']; readonly body: string }[] = []
  let status = 200
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk) => {
      body += chunk
    })
    request.on('end', () => {
      seen.push({ headers: request.headers, body })
      response.writeHead(status, { location: '/elsewhere', 'retry-after': '3' }).end('answer')
    })
  })
  const set = openBlocks({ secrets: { values: { hook: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw' } } })
  let url = ''
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  })
  afterAll(async () => {
    await set.close()
    server.closeAllConnections()
    server.close()
  })

  test('the signature is that of the specification', () => {
    const key = Buffer.from('MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'base64')
    const signature = signatureOf(key, 'msg_p5jXN8AQM9LWM0D4loKWxJek', 1_614_265_330, '{"test": 2432232314}')
    expect(signature).toBe('g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=')
  })

  test('what is sent can be verified, and is the same message at every attempt', async () => {
    const input = { url, secret: 'secret://hook', body: { type: 'paid', text: 'grün' } }
    const output = (await run(set, 'webhook', input)) as { readonly id: string; readonly timestamp: number }
    const again = (await run(set, 'webhook', input, { attempt: 2, key: 'acme/run/one/2' })) as { readonly id: string }
    expect(again.id).toBe(output.id)
    const { headers, body } = seen[0]!
    expect(headers).toMatchObject({
      'webhook-id': output.id,
      'webhook-timestamp': String(output.timestamp),
      'content-type': 'application/json',
    })
    const key = Buffer.from('MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'base64')
    expect(headers['webhook-signature']).toBe(`v1,${signatureOf(key, output.id, output.timestamp, body)}`)
  })

  test.each([
    [302, 'permanent', null],
    [410, 'permanent', null],
    [503, 'transient', 3_000],
  ])('status %i', async (answered, kind, retryAfterMs) => {
    status = answered
    const sent = run(set, 'webhook', { url, secret: 'secret://hook', body: 1 })
    await expect(sent).rejects.toMatchObject({ code: 'HTTP_ERROR', class: kind, retryAfterMs })
  })
})

describe('kafka.produce', () => {
  const sent: KafkaMessage[] = []
  const set = openBlocks({
    kafka: {
      produce: async (_tenant, message) => {
        if (message.topic === 'refused') throw new BlockError('TOPIC_REFUSED', 'not for steps')
        if (message.topic === 'broken') throw new Error('no leader')
        sent.push(message)
        return { topic: message.topic, partition: 3, offset: '9007199254740993' }
      },
    },
  })
  afterAll(() => set.close())

  test.each<[{ readonly [name: string]: Json }, string | null, Json]>([
    [{ value: { a: 1 }, key: 'k' }, '{"a":1}', 'k'],
    [{ value: 'text' }, 'text', null],
    [{ bytes: 'aGk=' }, 'hi', null],
    [{ value: null }, null, null],
  ])('%j', async (input, value, key) => {
    expect(await run(set, 'kafka.produce', { topic: 'orders', ...input })).toEqual({
      topic: 'orders',
      partition: 3,
      offset: '9007199254740993',
    })
    const last = sent.at(-1)!
    expect([last.value === null ? null : Buffer.from(last.value).toString(), last.key]).toEqual([value, key])
    expect(last.headers).toEqual({ 'idempotency-key': 'acme/run/one/1' })
  })

  test.each([
    ['refused', 'TOPIC_REFUSED'],
    ['broken', 'KAFKA_FAILED'],
  ])('%s', async (topic, code) => {
    await expect(run(set, 'kafka.produce', { topic, value: 1 })).rejects.toMatchObject({ code })
  })

  test('is not there without Kafka', async () => {
    await expect(run(openBlocks(), 'kafka.produce', { topic: 'x' })).rejects.toMatchObject({
      code: 'KAFKA_UNAVAILABLE',
    })
  })
})
