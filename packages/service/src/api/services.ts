/** Every service that is asked at the one port, by the name in the scope of a signature. */
import type { SignedRequest } from '../security/sigv4.ts'
import type { Asking, Prepared, Service, ServiceDependencies } from './service.ts'
import { ec2 } from './services/ec2/service.ts'
import { elastiCache } from './services/elasticache/service.ts'
import { iam } from './services/iam/service.ts'
import { larder } from './services/larder/service.ts'
import { sts } from './services/sts/service.ts'
import { tagging } from './services/tagging/service.ts'

type Known<Input> = Omit<Asking<Input>, 'action' | 'input'>

/** A service whatever its requests look like. */
interface OpenService extends Omit<Service, 'protocol' | 'prepare'> {
  readonly protocol: Pick<Service['protocol'], 'type' | 'encodeError'>
  /** Throws the faults of a request that has not the form. */
  read(request: SignedRequest): {
    readonly action: string
    readonly version: string | null
    prepare(dependencies: ServiceDependencies, known: Known<unknown>): Prepared
  }
}

const open = <Input>(service: Service<Input>): OpenService => ({
  ...service,
  read: (request) => {
    const { action, version, input } = service.protocol.read(request)
    return { action, version, prepare: (dependencies, known) => service.prepare(dependencies, { ...known, action, input }) }
  },
})

/** Those whose requests are forms: they take calls that another service hands on. */
const forms = [elastiCache, sts, ec2, iam, larder]

const byName = <T extends { readonly name: string }>(all: readonly T[]): ReadonlyMap<string, T> =>
  new Map(all.map((each) => [each.name, each]))

export const formServices: ReadonlyMap<string, Service> = byName(forms)
export const services: ReadonlyMap<string, OpenService> = byName([...forms.map(open), open(tagging)])
export const usualService: OpenService = open(elastiCache)
