// What the pod security level "restricted" asks of a pod (https://kubernetes.io/docs/concepts/security/pod-security-standards/).
const VOLUMES = ['configMap', 'csi', 'downwardAPI', 'emptyDir', 'ephemeral', 'persistentVolumeClaim', 'projected', 'secret']

export function violations(spec) {
  const pod = spec.securityContext ?? {}
  const found = ['hostNetwork', 'hostPID', 'hostIPC'].filter((field) => spec[field])
  for (const volume of spec.volumes ?? [])
    for (const kind of Object.keys(volume))
      if (kind !== 'name' && !VOLUMES.includes(kind)) found.push(`volume ${volume.name}: ${kind}`)
  for (const container of [...(spec.initContainers ?? []), ...spec.containers]) {
    const own = container.securityContext ?? {}
    const must = (holds, what) => holds || found.push(`${container.name}: ${what}`)
    must(!own.privileged, 'privileged')
    must(own.allowPrivilegeEscalation === false, 'allowPrivilegeEscalation')
    must(own.runAsNonRoot ?? pod.runAsNonRoot, 'runAsNonRoot')
    must((own.runAsUser ?? pod.runAsUser) !== 0, 'runAsUser')
    must(own.capabilities?.drop?.includes('ALL'), 'capabilities.drop')
    must((own.capabilities?.add ?? []).every((name) => name === 'NET_BIND_SERVICE'), 'capabilities.add')
    must(['RuntimeDefault', 'Localhost'].includes((own.seccompProfile ?? pod.seccompProfile)?.type), 'seccompProfile')
    must((container.ports ?? []).every((port) => !port.hostPort), 'hostPort')
  }
  return found
}
