import { createConfig, lintFromString } from '@redocly/openapi-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EVENT_NAMES } from '../../../gateway/api/common.ts'
import { API } from '../../../gateway/api/index.ts'
import { ERROR_STATUSES } from '../../../gateway/errors.ts'
import { EVENT_KINDS } from '../../../gateway/live/live-event.ts'
import { openWorld, type World } from '../support.ts'

let world: World
beforeAll(async () => {
  world = await openWorld({ tasks: false })
})
afterAll(() => world.close())

describe('/openapi.json', () => {
  it('passes a linter', async () => {
    const { status, body, headers } = await world.call('GET', '/openapi.json')
    expect(status).toBe(200)
    expect(headers['content-type']).toBe('application/json; charset=utf-8')
    const config = await createConfig({
      extends: ['recommended'],
      // what is not built yet has no other answer; see below
      rules: {
        'operation-2xx-response': 'off',
        'operation-4xx-response': 'off',
        'security-defined': 'off',
        'no-server-example.com': 'off',
      },
    })
    const problems = await lintFromString({ source: JSON.stringify(body), absoluteRef: '/openapi.json', config })
    const shown = problems.map(({ ruleId, message, location }) => `${ruleId}: ${message} ${location[0]?.pointer}`)
    expect(shown).toEqual([])
  })

  it('has every operation, with its errors', async () => {
    const { body } = await world.call('GET', '/openapi.json')
    for (const [name, operation] of Object.entries(API)) {
      const path = operation.path.replaceAll(/:([a-z_]+)/g, '{$1}')
      const described = body.paths[path][operation.method.toLowerCase()]
      expect(described.operationId).toBe(name)
      const answered = Object.keys(described.responses).some((status) => status.startsWith('2'))
      expect(answered || '501' in described.responses).toBe(true)
      const statuses = [...operation.errors, 'internal', 'unavailable'].map(
        (code) => ERROR_STATUSES[code as 'internal'],
      )
      for (const status of statuses) expect(Object.keys(described.responses)).toContain(String(status))
    }
  })
})

describe('routes', () => {
  it('are all described, and all that is described is there', async () => {
    await world.gateway.app.ready()
    const printed = world.gateway.app.printRoutes({ commonPrefix: false })
    const served = routesIn(printed).filter((route) => !route.startsWith('HEAD '))
    const described = Object.values(API).map(({ method, path }) => `${method} ${path}`)
    expect(served.toSorted()).toEqual(described.toSorted())
  })

  it.each(Object.entries(API).filter(([, { tag }]) => tag !== 'status'))(
    '%s refuses parameters that it does not know',
    async (_name, operation) => {
      const path = operation.path.replaceAll(/:([a-z_]+)/g, 'x')
      const { status } = await world.call(operation.method as 'GET', `${path}?no_such_parameter=1`, undefined)
      expect(status).toBeGreaterThanOrEqual(400)
      expect(status).toBeLessThan(500)
    },
  )
})

describe('/docs', () => {
  it('is one page that asks for nothing from elsewhere', async () => {
    const { status, body, headers } = await world.call('GET', '/docs')
    expect(status).toBe(200)
    expect(headers['content-security-policy']).toContain("default-src 'none'")
    expect(body).not.toMatch(/(src|href)="(https?:)?\/\//)
    expect(body).not.toContain('<script')
    for (const name of Object.keys(API)) expect(body).toContain(`id="${name}"`)
  })
})

describe('names in the description', () => {
  it('of events are those there are', () => {
    expect([...EVENT_NAMES].toSorted()).toEqual([...EVENT_KINDS].toSorted())
  })
})

/** Out of the tree that Fastify prints, four characters a level. */
function routesIn(printed: string): readonly string[] {
  const above: string[] = []
  return printed.split('\n').flatMap((line) => {
    const [, indent, part, methods] = /^(.*?── )(\S+)(?: \(([A-Z, ]+)\))?$/.exec(line) ?? []
    if (indent === undefined) return []
    const level = indent.length / 4 - 1
    above[level] = part!
    const path = above.slice(0, level + 1).join('')
    return (methods ?? '')
      .split(', ')
      .filter((method) => method !== '')
      .map((method) => `${method} ${path}`)
  })
}
