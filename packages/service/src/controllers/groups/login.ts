/** Who may log in to nodes of Memcached: in files, which hold tokens in plain text. */
import { accessOf } from '../../decide/access.ts'
import type { GroupSpec, NodeState } from '../../model/group.ts'
import { protocolOf, tokenPurpose } from '../../model/memcached.ts'
import type { MemcachedLogin } from '../../ports/engine.ts'
import type { GroupContext } from './context.ts'

/** Null where clients need not log in. Throws `store-corrupt` where the tokens cannot be opened. */
export const loginOf = (context: GroupContext, spec: GroupSpec, machineName: string): MemcachedLogin | null => {
  if (spec.kind !== 'memcached' || spec.auth === undefined) return null
  const tokens = (spec.auth.sealed ?? []).map((sealed) => context.sealer.open(sealed, tokenPurpose(spec)))
  return { access: accessOf(spec), tokens, machineName }
}

/** Writes the files of a running node, and tells it to read them. */
export const writeLogin = async (context: GroupContext, spec: GroupSpec, node: NodeState): Promise<void> => {
  const login = loginOf(context, spec, node.machineName ?? context.machine.name)
  if (login === null) return
  const { parameters, address } = node
  const { folder, tag } = context.place(spec.region, node.id)
  const files = context.adapter(spec.engine).accessFiles({ ...login, parameters, address, secrets: context.secrets })
  if (files === null) return
  for (const [name, content] of Object.entries(files)) await context.host.writeFile(`${folder}/${name}`, content)
  // SASL reads its file at each login. Without a token file the signal would end the process: nodes that ask for tokens always have one.
  if (protocolOf(parameters) === 'ascii' && node.process !== null) await context.host.signal(node.process, tag, 'SIGHUP')
}
