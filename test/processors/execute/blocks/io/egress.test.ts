/** What may be dialled, told by the address that would be dialled. */
import { createServer } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  isIn,
  parseAddress,
  parseNetwork,
  reservedRange,
} from '../../../../../processors/execute/blocks/io/egress/addresses.ts'
import { dial, guardedSocket } from '../../../../../processors/execute/blocks/io/egress/dial.ts'
import {
  createEgress,
  type EgressSettings,
  type Lookup,
} from '../../../../../processors/execute/blocks/io/egress/egress.ts'
import { parseRule } from '../../../../../processors/execute/blocks/io/egress/rules.ts'
import { fc } from '../../../../support/fast-check.ts'

const PUBLIC = '93.184.216.34'
const names: { readonly [name: string]: readonly string[] } = {
  'public.example': [PUBLIC],
  'six.example': ['2606:2800:220:1::1'],
  'inside.example': ['10.1.2.3'],
  'both.example': [PUBLIC, '192.168.0.7'],
  'metadata.example': ['169.254.169.254'],
  'sub.public.example': [PUBLIC],
}
const lookup: Lookup = async (name) => {
  const found = names[name]
  if (found === undefined) throw Object.assign(new Error(`no ${name}`), { code: 'ENOTFOUND' })
  return found.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))
}

/** The host as a URL has it. */
async function outcome(settings: EgressSettings, url: string): Promise<string> {
  const { protocol, hostname, port } = new URL(url)
  const scheme = protocol.slice(0, -1)
  const destination = { scheme, host: hostname, port: Number(port || (scheme === 'https' ? 443 : 80)) }
  return createEgress(settings, lookup)
    .resolve(destination)
    .then(
      () => 'dialled',
      (error: { code: string }) => error.code,
    )
}

describe('by default', () => {
  test.each([
    ['http://public.example/', 'dialled'],
    ['https://six.example/', 'dialled'],
    [`http://${PUBLIC}/`, 'dialled'],
    ['http://public.example./', 'dialled'],
    ['http://nobody.example/', 'ENOTFOUND'],
    ['http://127.0.0.1/', 'EGRESS_REFUSED'],
    ['http://2130706433/', 'EGRESS_REFUSED'],
    ['http://0177.0.0.1/', 'EGRESS_REFUSED'],
    ['http://0x7f.0.0.1/', 'EGRESS_REFUSED'],
    ['http://0x7f000001/', 'EGRESS_REFUSED'],
    ['http://127.1/', 'EGRESS_REFUSED'],
    ['http://127.0.0.1./', 'EGRESS_REFUSED'],
    ['http://１２７.０.０.１/', 'EGRESS_REFUSED'],
    ['http://①②⑦.0.0.1/', 'EGRESS_REFUSED'],
    ['http://public.example@127.0.0.1/', 'EGRESS_REFUSED'],
    ['http://0.0.0.0/', 'EGRESS_REFUSED'],
    ['http://0/', 'EGRESS_REFUSED'],
    ['http://10.0.0.1/', 'EGRESS_REFUSED'],
    ['http://172.16.0.1/', 'EGRESS_REFUSED'],
    ['http://172.32.0.1/', 'dialled'],
    ['http://192.168.1.1/', 'EGRESS_REFUSED'],
    ['http://100.64.0.1/', 'EGRESS_REFUSED'],
    ['http://169.254.169.254/latest/meta-data', 'EGRESS_REFUSED'],
    ['http://224.0.0.1/', 'EGRESS_REFUSED'],
    ['http://255.255.255.255/', 'EGRESS_REFUSED'],
    ['http://198.18.0.1/', 'EGRESS_REFUSED'],
    ['http://[::1]/', 'EGRESS_REFUSED'],
    ['http://[::]/', 'EGRESS_REFUSED'],
    ['http://[::ffff:127.0.0.1]/', 'EGRESS_REFUSED'],
    ['http://[::ffff:7f00:1]/', 'EGRESS_REFUSED'],
    ['http://[::127.0.0.1]/', 'EGRESS_REFUSED'],
    ['http://[64:ff9b::7f00:1]/', 'EGRESS_REFUSED'],
    ['http://[64:ff9b::169.254.169.254]/', 'EGRESS_REFUSED'],
    ['http://[64:ff9b:1::a00:1]/', 'EGRESS_REFUSED'],
    ['http://[2002:7f00:1::]/', 'EGRESS_REFUSED'],
    ['http://[2002:a9fe:a9fe::1]/', 'EGRESS_REFUSED'],
    ['http://[2001:0:0:0::1]/', 'EGRESS_REFUSED'],
    ['http://[fe80::1]/', 'EGRESS_REFUSED'],
    ['http://[fc00::1]/', 'EGRESS_REFUSED'],
    ['http://[fd00:ec2::254]/', 'EGRESS_REFUSED'],
    ['http://[fec0::1]/', 'EGRESS_REFUSED'],
    ['http://[ff02::1]/', 'EGRESS_REFUSED'],
    ['http://inside.example/', 'EGRESS_REFUSED'],
    ['http://both.example/', 'EGRESS_REFUSED'],
    ['http://metadata.example/', 'EGRESS_REFUSED'],
  ])('%s: %s', async (url, expected) => {
    expect(await outcome({}, url)).toBe(expected)
  })

  test('forms that only other schemes let through are seen when they are looked up', async () => {
    // getaddrinfo reads 0x7f.1 and 127.1 as addresses
    for (const host of ['0x7f.1', '127.1', '2130706433', 'localhost', 'localhost.']) {
      await expect(createEgress().resolve({ scheme: 'postgres', host, port: 5432 }), host).rejects.toMatchObject({
        code: 'EGRESS_REFUSED',
      })
    }
  })
})

test('what is refused says which address, and why', async () => {
  const refused = (host: string) => createEgress({}, lookup).resolve({ scheme: 'http', host, port: 80 })
  await expect(refused('inside.example')).rejects.toThrow(
    'http://inside.example:80 (10.1.2.3) may not be dialled: the address is not public (private)',
  )
  await expect(refused('[fd00::1]')).rejects.toThrow('http://[fd00::1]:80 may not be dialled: ')
})

describe('rules', () => {
  test.each<[string, EgressSettings, string, string]>([
    ['an allowed network', { allow: ['10.0.0.0/8'] }, 'http://inside.example/', 'dialled'],
    ['an allowed address', { allow: ['127.0.0.1'] }, 'http://127.0.0.1:8080/', 'dialled'],
    ['an allowed IPv6 network', { allow: ['[fd00::]/8'] }, 'http://[fd12::1]/', 'dialled'],
    ['a mapped address is the one inside', { allow: ['127.0.0.0/8'] }, 'http://[::ffff:127.0.0.1]/', 'dialled'],
    ['a carried address is not', { allow: ['127.0.0.0/8'] }, 'http://[64:ff9b::7f00:1]/', 'EGRESS_REFUSED'],
    ['one refused address is enough', { allow: ['10.0.0.0/8'] }, 'http://both.example/', 'EGRESS_REFUSED'],
    ['an allowed host', { allow: ['inside.example'] }, 'http://inside.example/', 'dialled'],
    ['an allowed host by its address', { allow: ['inside.example'] }, 'http://10.1.2.3/', 'EGRESS_REFUSED'],
    ['never link-local by name', { allow: ['metadata.example', '*'] }, 'http://metadata.example/', 'EGRESS_REFUSED'],
    ['everything is not what is not public', { allow: ['*'] }, 'http://10.0.0.1/', 'EGRESS_REFUSED'],
    ['an allowed port', { allow: ['10.0.0.0/8:8000-8999'] }, 'http://inside.example:8080/', 'dialled'],
    ['an allowed scheme', { allow: ['https://inside.example'] }, 'https://inside.example/', 'dialled'],
    ['another scheme', { allow: ['https://inside.example'] }, 'http://inside.example/', 'EGRESS_REFUSED'],
    ['a denied host', { deny: ['public.example'] }, 'http://public.example/', 'EGRESS_REFUSED'],
    [
      'a denied host, its name in capitals and with a dot',
      { deny: ['public.example'] },
      'http://PUBLIC.example./',
      'EGRESS_REFUSED',
    ],
    ['subdomains', { deny: ['*.public.example'] }, 'http://sub.public.example/', 'EGRESS_REFUSED'],
    ['subdomains are not the domain', { deny: ['*.public.example'] }, 'http://public.example/', 'dialled'],
    ['a denied network', { deny: ['93.184.0.0/16'] }, 'http://public.example/', 'EGRESS_REFUSED'],
    [
      'a denied network, carried',
      { deny: ['93.184.0.0/16'], allow: ['::/0'] },
      'http://[64:ff9b::93.184.216.34]/',
      'EGRESS_REFUSED',
    ],
    ['deny wins', { allow: ['10.0.0.0/8'], deny: ['10.1.0.0/16'] }, 'http://inside.example/', 'EGRESS_REFUSED'],
    ['a denied port', { deny: ['*:25'] }, 'http://public.example:25/', 'EGRESS_REFUSED'],
    ['a denied scheme', { deny: ['http://*'] }, 'http://public.example/', 'EGRESS_REFUSED'],
    [
      'only what is allowed',
      { only: true, allow: ['https://public.example:443'] },
      'https://public.example/',
      'dialled',
    ],
    ['nothing else', { only: true, allow: ['public.example'] }, 'http://six.example/', 'EGRESS_REFUSED'],
  ])('%s', async (_name, settings, url, expected) => {
    expect(await outcome(settings, url)).toBe(expected)
  })

  test('a port of a network', async () => {
    const settings = { allow: ['http://10.1.2.3:8000-8999'] }
    expect(await outcome(settings, 'http://inside.example:8080/')).toBe('dialled')
    expect(await outcome(settings, 'http://inside.example:9000/')).toBe('EGRESS_REFUSED')
  })

  test.each(['', 'a b', 'http://', '10.0.0.0/40', '300.1.1.1', '1.2.3', 'x:99999', 'x:5-1', '*.*'])(
    '%j is no rule',
    (text) => {
      expect(() => parseRule(text)).toThrow(`'${text}' is no egress rule; expected`)
    },
  )
})

test('an address is in a network exactly if their first bits agree', () => {
  const bits = (n: number): string => (n >>> 0).toString(2).padStart(32, '0')
  const dotted = (n: number): string => [24, 16, 8, 0].map((shift) => (n >>> shift) & 255).join('.')
  const u32 = fc.integer({ min: 0, max: 0xffff_ffff })
  fc.assert(
    fc.property(u32, u32, fc.integer({ min: 0, max: 32 }), (a, b, length) => {
      const network = parseNetwork(`${dotted(b)}/${length}`)!
      expect(isIn(parseAddress(dotted(a))!, network)).toBe(bits(a).slice(0, length) === bits(b).slice(0, length))
    }),
  )
})

test('whatever is mapped or carried is refused as what is inside, or for what carries it', () => {
  const byte = fc.integer({ min: 0, max: 255 })
  fc.assert(
    fc.property(byte, byte, byte, byte, (...bytes) => {
      const inner = parseAddress(bytes.join('.'))!
      expect(reservedRange(parseAddress(`::ffff:${bytes.join('.')}`)!)).toBe(reservedRange(inner))
      expect(reservedRange(parseAddress(`64:ff9b::${bytes.join('.')}`)!)).not.toBeNull()
    }),
  )
})

describe('dialling', () => {
  let port = 0
  const connections: string[] = []
  const server = createServer((socket) => {
    connections.push(String(socket.remoteAddress))
    socket.on('error', () => undefined)
    socket.end('hello')
  })
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    port = (server.address() as { port: number }).port
  })
  afterAll(() => new Promise<void>((resolve) => server.close(() => resolve())))

  test('a name that changes between check and dial reaches what was checked', async () => {
    let asked = 0
    const changing: Lookup = async () => {
      asked++
      return [{ address: asked === 1 ? '127.0.0.1' : '169.254.169.254', family: 4 }]
    }
    const egress = createEgress({ allow: ['127.0.0.1'] }, changing)
    const socket = await dial(egress, { scheme: 'http', host: 'changing.example', port })
    expect(socket.remoteAddress).toBe('127.0.0.1')
    expect(asked).toBe(1)
    socket.destroy()
    await expect(dial(egress, { scheme: 'http', host: 'changing.example', port })).rejects.toMatchObject({
      code: 'EGRESS_REFUSED',
    })
  })

  test('clients that connect by themselves go through the guard', async () => {
    const before = connections.length
    const refused = guardedSocket(createEgress(), 'postgres')
    const error = await new Promise((resolve) => {
      refused.once('error', resolve)
      ;(refused.connect as (port: number, host: string) => void)(port, '127.0.0.1')
    })
    expect(error).toMatchObject({ code: 'EGRESS_REFUSED' })
    expect(connections.length).toBe(before)
    const allowed = guardedSocket(createEgress({ allow: ['127.0.0.1'] }), 'postgres')
    const text = await new Promise((resolve) => {
      allowed.once('data', (data) => resolve(data.toString()))
      ;(allowed.connect as (port: number, host: string) => void)(port, 'localhost')
    })
    expect(text).toBe('hello')
    allowed.destroy()
  })

  test('an abort ends a dial that nobody answers', async () => {
    const never: Lookup = () => Promise.resolve([{ address: '192.0.2.1', family: 4 }])
    const egress = createEgress({ allow: ['192.0.2.0/24'] }, never)
    const controller = new AbortController()
    const dialled = dial(egress, { scheme: 'http', host: 'silent.example', port: 81 }, controller.signal)
    controller.abort(new Error('enough'))
    await expect(dialled).rejects.toThrow('enough')
  })
})
