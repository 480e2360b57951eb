/** Renders `docs/configuration.md` from the settings themselves. */
import { type AnySetting, SETTING_NAMES, SETTINGS, type SettingName, variableOf } from './settings.ts'

const INTRODUCTION = `# Configuration

This file is generated from the settings (\`gateway/config/settings.ts\`); a test keeps it up to date.

A setting comes from a file, the environment or a flag, each stronger than the one before:

- **File**: \`beamline.yaml\` in the working folder, or the one that \`--config\` or \`BEAMLINE_CONFIG\` names. A dot in a name is a level of the file.
- **Environment**: the variable in the table. Lists are divided by commas.
- **Flags**: \`--set NAME=VALUE\` for every setting; \`--host\`, \`--port\`, \`--data\`, \`--roles\`, \`--log\` and \`--brokers\` for those that are set most.

\`beamline config show\` prints every value with where it came from, and checks all of them. Names that do not exist are refused.

A **secret** is written as a reference, \`file:/path\` or \`env:NAME\`, and looked up when it is used. Only in the environment may it stand as it is. It is never printed.

\`\`\`yml
log: kafka
kafka:
  brokers: [broker-1:9092, broker-2:9092]
  sasl: { mechanism: scram-sha-512, username: beamline, password: file:/run/secrets/kafka }
connections:
  warehouse: { kind: postgres, url: "secret://warehouse-url", readOnly: true }
  smtp: { kind: smtp, url: "smtp://mail.internal:25", from: reports@example.org }
roles: [tasks, execute:io]
health_port: 9090
\`\`\``

const GROUPS: { readonly [group: string]: string } = {
  '': 'The process',
  concurrency: 'Concurrency',
  kafka: 'Kafka',
  read_model: 'Read model',
  schema_registry: 'Schema registry',
  egress: 'What steps may call',
  blocks: 'What steps have',
  gpu: 'Kernels',
  scripts: 'Scripts',
  secrets: 'Secrets of steps',
  blobs: 'Blobs and large payloads',
  limits: 'Limits',
  older: "The older gateway's routes",
  dead_letters: 'Dead letters',
  tracing: 'Traces',
  retention: 'Retention in the log',
}

export function configReference(): string {
  const sections = Object.entries(GROUPS).flatMap(([group, title]) => {
    const names = SETTING_NAMES.filter((name) => groupOf(name) === group)
    return [`## ${title}`, table(names)]
  })
  return `${[INTRODUCTION, ...sections].join('\n\n')}\n`
}

/** Those of one level that belong to a group all the same. */
const OF_BLOCKS: readonly SettingName[] = ['connections', 'files']

export function groupOf(name: SettingName): string {
  if (OF_BLOCKS.includes(name)) return 'blocks'
  return name.includes('.') ? name.split('.')[0]! : ''
}

function table(names: readonly SettingName[]): string {
  return ['| setting | variable | type | default | meaning |', '|---|---|---|---|---|', ...names.map(row)].join('\n')
}

function row(name: SettingName): string {
  const setting: AnySetting = SETTINGS[name]
  const fallback = setting.default === null ? '' : `\`${textOf(setting.show(setting.default))}\``
  return `| \`${name}\` | \`${variableOf(name)}\` | ${setting.type} | ${fallback} | ${setting.meaning} |`
}

function textOf(value: unknown): string {
  return Array.isArray(value) ? value.join(',') : String(value)
}
