import { describe, expect, it } from 'vitest'
import { ConfigError, type ConfigSources, loadConfig } from '../../../gateway/config/load-config.ts'
import { SETTING_NAMES, SETTINGS, type SettingName, variableOf } from '../../../gateway/config/settings.ts'
import { configText, shownSettings } from '../../../gateway/config/show-config.ts'
import { fc } from '../../support/fast-check.ts'

const file = (text: string) => ({ name: 'beamline.yaml', text })

function load(sources: Partial<ConfigSources>) {
  return loadConfig({ file: null, variables: {}, flags: [], ...sources })
}

function problemsOf(sources: Partial<ConfigSources>): readonly string[] {
  try {
    load(sources)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  throw new Error('nothing was wrong')
}

describe('sources', () => {
  it('are defaults, file, environment and flags, in rising strength', () => {
    const flag = (text: string) => [{ name: 'port', flag: '--port', text }]
    const text = 'port: 1\nkafka:\n  brokers: [a:1]\n'
    const variables = { BEAMLINE_PORT: '2' }
    const seen = [
      load({}),
      load({ file: file(text) }),
      load({ file: file(text), variables }),
      load({ file: file(text), variables, flags: flag('3') }),
    ].map(({ config, sources }) => [config.port, sources.port])
    expect(seen).toEqual([
      [8080, 'default'],
      [1, 'beamline.yaml:1'],
      [2, 'BEAMLINE_PORT'],
      [3, '--port'],
    ])
    const { config, sources } = load({ file: file(text), variables })
    expect(config['kafka.brokers']).toEqual(['a:1'])
    expect(sources['kafka.brokers']).toBe('beamline.yaml:3')
    expect(config['kafka.prefix']).toBe('beamline.')
  })

  it('keep the names of older versions', () => {
    const variables = { BEAMLINE_PORT: '9000', BEAMLINE_DATA: 'here', BEAMLINE_HOST: '0.0.0.0' }
    expect(load({ variables }).config).toMatchObject({ port: 9000, data: 'here', host: '0.0.0.0' })
  })

  it('take lists, lengths of time, sizes and truth values as text', () => {
    const variables = {
      BEAMLINE_KAFKA_BROKERS: 'a:1, b:2',
      BEAMLINE_ROLES: 'gateway,tasks',
      BEAMLINE_KAFKA_SESSION_TIMEOUT: '10s',
      BEAMLINE_RETENTION_EVENTS_SIZE: '2GiB',
      BEAMLINE_KAFKA_CREATE_TOPICS: 'false',
      BEAMLINE_GRACE: '',
    }
    expect(load({ variables }).config).toMatchObject({
      'kafka.brokers': ['a:1', 'b:2'],
      roles: ['tasks', 'gateway'],
      'kafka.session_timeout': 10_000,
      'retention.events.size': 2 ** 31,
      'kafka.create_topics': false,
      grace: 30_000,
    })
  })

  it('leave variables of others alone', () => {
    const variables = {
      BEAMLINE_URL: 'http://x',
      BEAMLINE_SECRET_TOKEN: 'x',
      BEAMLINE_TEST_KAFKA: 'a:1',
      BEAMLINE_SERVICE_HOST: '10.0.0.1',
      BEAMLINE_PORT_8080_TCP: 'tcp://10.0.0.1:8080',
      PATH: '/bin',
    }
    expect(load({ variables })).toEqual(load({}))
  })

  it('may be an empty file, or one with comments alone', () => {
    for (const text of ['', '\n\n', '# nothing yet\n\n# more\n']) expect(load({ file: file(text) })).toEqual(load({}))
  })
})

describe('a wrong configuration', () => {
  const rows: readonly (readonly [string, Partial<ConfigSources>, RegExp])[] = [
    [
      'name',
      { file: file('log: kafka\nprot: 8080\n') },
      /^beamline\.yaml:2: unknown setting 'prot'; did you mean 'port'\?$/,
    ],
    [
      'name of a level',
      { file: file('kafka:\n  sasl: { pasword: file:/x }\n') },
      /^beamline\.yaml:2: unknown setting 'kafka\.sasl\.pasword'; did you mean 'password'\?$/,
    ],
    ['name far from all', { file: file('zzzzzzzz: 1\n') }, /unknown setting 'zzzzzzzz'; expected one of log, /],
    ['dotted name', { file: file('kafka.prefix: x\n') }, /unknown setting '\["kafka\.prefix"\]'/],
    [
      'variable',
      { variables: { BEAMLINE_PROT: '1' } },
      /^BEAMLINE_PROT: there is no such setting; did you mean 'BEAMLINE_PORT'\?$/,
    ],
    [
      'flag',
      { flags: [{ name: 'prot', flag: '--set', text: '1' }] },
      /^--set: unknown setting 'prot'; did you mean 'port'\?$/,
    ],
    [
      'type',
      { file: file('port: "8080"\n') },
      /^beamline\.yaml:1: port: found '8080'; expected a whole number from 0 to 65535$/,
    ],
    [
      'number',
      { variables: { BEAMLINE_PORT: 'tcp://10.0.0.1:80' } },
      /^BEAMLINE_PORT: port: found 'tcp:.*'; expected a whole number/,
    ],
    ['choice', { file: file('log: kafk\n') }, /log: found 'kafk'; expected embedded or kafka; did you mean 'kafka'\?/],
    ['role', { variables: { BEAMLINE_ROLES: 'tasks,gatway' } }, /roles: .*"gatway" is none; did you mean 'gateway'\?/],
    ['empty list', { file: file('roles: []\n') }, /roles: found a list of 0; expected at least one of/],
    ['broker', { variables: { BEAMLINE_KAFKA_BROKERS: 'kafka' } }, /expected a list of `host:port`; "kafka" is none/],
    ['length of time', { file: file('grace: 30\n') }, /grace: found 30; expected a length of time from 0ms to 1h/],
    [
      'size',
      { file: file('retention: { events: { size: 3 } }\n') },
      /retention\.events\.size: found 3; expected a size from 1MiB/,
    ],
    [
      'level that is a value',
      { file: file('kafka: broker:9092\n') },
      /kafka: found 'broker:9092'; expected settings, one of brokers, prefix/,
    ],
    ['document', { file: file('- a\n- b\n') }, /^beamline\.yaml: found a list of 2; expected settings/],
    ['YAML', { file: file('port: [\n') }, /^beamline\.yaml:\d+: the document is not YAML/],
    ['repeated name', { file: file('port: 1\nport: 2\n') }, /^beamline\.yaml:2: 'port' is there twice/],
  ]
  it.each(rows)('%s', (_what, sources, expected) => {
    expect(problemsOf(sources)).toEqual([expect.stringMatching(expected)])
  })

  it('is told at once, each thing on a line', () => {
    const problems = problemsOf({ file: file('prot: 1\nhost: 7\n'), variables: { BEAMLINE_GRACE: 'long' } })
    expect(problems.map((problem) => problem.split(':').slice(0, 2).join(':'))).toEqual([
      'beamline.yaml:1',
      'beamline.yaml:2',
      'BEAMLINE_GRACE: grace',
    ])
  })
})

describe('secrets', () => {
  const PASSWORD = 'tr0ub4dor'
  const sasl = (value: string) => file(`kafka:\n  sasl:\n    password: "${value}"\n`)
  const read = (text: string) => `kafka.sasl.password  ${text}`

  it('are references in a file, and may stand as they are in the environment', () => {
    const cases = [
      [load({ file: sasl('file:/run/secret') }), { kind: 'file', path: '/run/secret' }],
      [load({ file: sasl('env:TOKEN') }), { kind: 'env', name: 'TOKEN' }],
      [load({ variables: { BEAMLINE_KAFKA_SASL_PASSWORD: 'file:/x' } }), { kind: 'file', path: '/x' }],
      [load({ variables: { BEAMLINE_KAFKA_SASL_PASSWORD: PASSWORD } }), { kind: 'plain', value: PASSWORD }],
    ] as const
    for (const [{ config }, expected] of cases) expect(config['kafka.sasl.password']).toEqual(expected)
  })

  it.each([
    ['a password in the file', { file: sasl(PASSWORD) }],
    ['a password in a flag', { flags: [{ name: 'kafka.sasl.password', flag: '--set', text: PASSWORD }] }],
    ['an address with a password', { file: file(`read_model: { url: "postgres://u:${PASSWORD}@h/d" }\n`) }],
  ])('%s is refused without being repeated', (_what, sources) => {
    const problems = problemsOf(sources)
    expect(problems).toEqual([expect.stringMatching(/expected .*file:\/path or env:NAME/)])
    expect(problems.join()).not.toContain(PASSWORD)
  })

  it('are never shown', () => {
    const variables = {
      BEAMLINE_KAFKA_SASL_PASSWORD: PASSWORD,
      BEAMLINE_READ_MODEL_URL: `postgres://ada:${PASSWORD}@db/beamline`,
      BEAMLINE_SCHEMA_REGISTRY_PASSWORD: 'file:/run/registry',
    }
    const loaded = load({ variables })
    const text = configText(loaded) + JSON.stringify(shownSettings(loaded))
    expect(text).not.toContain(PASSWORD)
    expect(configText(loaded).replaceAll(/ +/g, '  ')).toContain(read('(secret)  BEAMLINE_KAFKA_SASL_PASSWORD'))
    expect(text).toContain('postgres://ada:***@db/beamline')
    expect(text).toContain('file:/run/registry')
  })
})

describe('every setting', () => {
  it.each(SETTING_NAMES)('%s has a default that it would take, and is shown as it is written', (name) => {
    const setting = SETTINGS[name]
    if (setting.default === null) return
    const shown = (setting.show as (value: unknown) => string)(setting.default)
    expect(setting.read(shown)).toEqual({ value: setting.default })
    const text = Array.isArray(shown) ? shown.join(',') : String(shown)
    expect(setting.read(setting.fromText(text))).toEqual({ value: setting.default })
  })

  it('refuses or takes any text, and never throws', () => {
    fc.assert(
      fc.property(fc.constantFrom<SettingName>(...SETTING_NAMES), fc.string({ minLength: 1 }), (name, text) => {
        try {
          load({ variables: { [variableOf(name)]: text } })
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigError)
        }
      }),
    )
  })

  it('refuses or takes any document, and never throws', () => {
    fc.assert(
      fc.property(fc.constantFrom<SettingName>(...SETTING_NAMES), fc.jsonValue(), (name, value) => {
        const nested = name.split('.').reduceRight<unknown>((inner, part) => ({ [part]: inner }), value)
        try {
          load({ file: file(JSON.stringify(nested)) })
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigError)
        }
      }),
    )
  })
})
