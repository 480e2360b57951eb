/** The `control` topic: definitions that every task holds a copy of. */
import { handlers, type Processor } from '../turn.ts'
import { onChangeTenant } from './change-tenant.ts'
import { onDeprecateFlow } from './deprecate-flow.ts'
import { DEPRECATED, FLOWS, onFlowDeprecated, onFlowPublished } from './flows.ts'
import { onPublishFlow } from './publish-flow.ts'
import { onTenantChanged, TENANTS } from './tenants.ts'

export const control: Processor = {
  topic: 'control',
  stores: [FLOWS, TENANTS, DEPRECATED],
  handlers: handlers({
    PublishFlow: onPublishFlow,
    ChangeTenant: onChangeTenant,
    DeprecateFlow: onDeprecateFlow,
    FlowPublished: onFlowPublished,
    FlowDeprecated: onFlowDeprecated,
    TenantChanged: onTenantChanged,
    // the built-in schema registry reads it; no decision depends on it
    SchemaChanged: () => {},
  }),
  due: [],
}
