# The manifests of scripts/kubernetes, and what a real API server makes of them: it validates fields and values, applies the policies,
# and enforces the pod security level restricted. There are no nodes here: what it takes does not run.
load ../lab/lab

bats_require_minimum_version 1.5.0

MANIFESTS=$LAB_ROOT/scripts/kubernetes
LEVEL=pod-security.kubernetes.io

setup() {
	SPACE=test-$BATS_TEST_NUMBER
	cd "$BATS_TEST_TMPDIR"
	kubectl create namespace "$SPACE"
	kubectl label namespace "$SPACE" $LEVEL/enforce=restricted $LEVEL/warn=restricted
}

k() {
	kubectl -n "$SPACE" "$@"
}

# Applies, strictly, and nothing is warned about.
applied() {
	run -0 k apply --validate=strict "$@"
	[[ $output != *Warning* ]]
}

# of KIND EXPRESSION: of the object that the API server has of client, as kubectl's jsonpath
of() {
	k get "$1" client -o "jsonpath=$2"
}

security() {
	echo 'securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}'
}

# pod_spec: two containers that are restricted, one of which has an LD_PRELOAD and a setting of its own, and an init container
pod_spec() {
	cat <<-END
		securityContext: {runAsNonRoot: true, runAsUser: 65534, seccompProfile: {type: RuntimeDefault}}
		initContainers:
		  - {name: first, image: client, $(security)}
		containers:
		  - {name: plain, image: client, $(security)}
		  - name: own
		    image: client
		    $(security)
		    env: [{name: LD_PRELOAD, value: /usr/lib/libjemalloc.so.2}, {name: LBDNS_MODE, value: "on"}]
		    volumeMounts: [{name: data, mountPath: /data}]
		volumes: [{name: data, emptyDir: {}}]
	END
}

workload() {
	cat <<-END
		apiVersion: apps/v1
		kind: $1
		metadata: {name: client}
		spec:
		  $([ "$1" != StatefulSet ] || echo 'serviceName: client')
		  selector: {matchLabels: {app: client}}
		  template:
		    metadata: {labels: {app: client}}
		    spec:
		$(pod_spec | sed 's/^/      /')
	END
}

# kustomized KIND COMPONENT...
kustomized() {
	cp -r "$MANIFESTS"/{library,component,component-ld-so-preload,init-container} .
	workload "$1" >client.yaml
	cat >kustomization.yaml <<-END
		resources: [client.yaml]
		components: [$(sed 's/ /, /g' <<<"${*:2}")]
		configMapGenerator: [{name: lbdns, literals: [LBDNS_NAMES=rng-headless, LBDNS_MODE=observe, LBDNS_REFRESH=7s]}]
		images: [{name: lbdns, newName: registry.example/lbdns, newTag: 0.1.0}]
	END
}

TEMPLATE=.spec.template.spec

# Each container of it has the library, read-only, and the ConfigMap, which its own variables overrule.
has_the_library() {
	local container settings
	settings=$(k get configmap -o 'jsonpath={.items[?(@.data.LBDNS_NAMES)].metadata.name}')
	lab_equal "$(k get configmap "$settings" -o 'jsonpath={.data}')" \
		'{"LBDNS_MODE":"observe","LBDNS_NAMES":"rng-headless","LBDNS_REFRESH":"7s"}'
	for container in plain own; do
		lab_equal "$(of "$1" "{$TEMPLATE.containers[?(@.name=='$container')].envFrom[*].configMapRef.name}")" "$settings"
		lab_equal "$(of "$1" "{$TEMPLATE.containers[?(@.name=='$container')].volumeMounts[?(@.mountPath=='/lbdns')].readOnly}")" true
	done
	lab_equal "$(of "$1" "{$TEMPLATE.containers[?(@.name=='own')].env[?(@.name=='LBDNS_MODE')].value}")" on
}

preloads() {
	of "$1" "{$TEMPLATE.containers[*].env[?(@.name=='LD_PRELOAD')].value}"
}

reference() {
	of "$1" "{$TEMPLATE.volumes[?(@.name=='lbdns')].image.reference}"
}

@test "the example is taken" {
	applied -k "$MANIFESTS/rng"
	lab_equal "$(k get deployments -o name | sort | paste -sd ' ')" \
		"deployment.apps/client deployment.apps/client-lbdns deployment.apps/rng"
	lab_equal "$(k get deployment client-lbdns -o "jsonpath={$TEMPLATE.volumes[0].image.reference}")" \
		"lbdns:$(sed -n 's/^[[:blank:]]*VERSION=//p' "$LAB_ROOT/scripts/lbdns")"
	lab_equal "$(k get deployment client -o "jsonpath={$TEMPLATE.volumes}")" ""
}

@test "the five lines of the README are a patch of a pod template" {
	workload Deployment | sed 's/name: plain/name: client/' >client.yaml
	applied -f client.yaml
	awk '/^```/ { if (inside) exit; inside = /yaml/; next } inside' "$MANIFESTS/README.md" >patch.yaml
	run -0 k patch deployment client --patch-file patch.yaml
	[[ $output != *Warning* ]]
	[[ $(reference deployment) == lbdns:* ]]
	lab_equal "$(of deployment "{$TEMPLATE.containers[?(@.name=='client')].volumeMounts[*].readOnly}")" true
	[[ $(preloads deployment) == */lbdns/liblbdns.so* ]]
}

@test "the component gives every container the library, read-only, and all settings" {
	local kind
	for kind in Deployment StatefulSet DaemonSet; do
		kustomized $kind component
		applied -k .
		has_the_library "$kind"
		lab_equal "$(reference "$kind")" registry.example/lbdns:0.1.0
		lab_equal "$(preloads "$kind")" ":/lbdns/liblbdns.so /usr/lib/libjemalloc.so.2:/lbdns/liblbdns.so"
	done
}

@test "init-container behind it: an empty volume in place of the image, and back" {
	local kind
	for kind in Deployment StatefulSet DaemonSet; do
		kustomized $kind component
		applied -k .
		kustomized $kind component init-container
		applied -k .
		has_the_library "$kind"
		lab_equal "$(reference "$kind")" ""
		lab_equal "$(of "$kind" "{$TEMPLATE.initContainers[*].image}")" "registry.example/lbdns:0.1.0 client"
		kustomized $kind component
		applied -k .
		lab_equal "$(reference "$kind") $(of "$kind" "{$TEMPLATE.initContainers[*].name}")" "registry.example/lbdns:0.1.0 first"
	done
}

@test "component-ld-so-preload leaves LD_PRELOAD as it is" {
	local kind
	for kind in Deployment StatefulSet DaemonSet; do
		kustomized $kind component-ld-so-preload
		applied -k .
		has_the_library "$kind"
		lab_equal "$(preloads "$kind")" /usr/lib/libjemalloc.so.2
		lab_equal "$(of "$kind" "{$TEMPLATE.containers[*].volumeMounts[?(@.mountPath=='/etc/ld.so.preload')].readOnly}")" "true true"
		lab_equal "$(k get configmap "$(of "$kind" "{$TEMPLATE.volumes[?(@.configMap)].configMap.name}")" -o 'jsonpath={.data}')" \
			'{"ld.so.preload":"/lbdns/liblbdns.so"}'
	done
}

# ---- The policies

# admit [LABELS]: the pod as it would be created
admit() {
	printf 'apiVersion: v1\nkind: Pod\nmetadata: {name: client, labels: {%s}}\nspec:\n%s\n' "${1-lbdns: enabled}" \
		"$(pod_spec | sed 's/^/  /')" >pod.yaml
	k create --dry-run=server -o "${FORMAT-yaml}" -f pod.yaml
}

admitted_with() {
	[[ $(admit) == *liblbdns.so* ]]
}

admitted_without() {
	[[ $(admit) != *liblbdns.so* ]]
}

# API servers take a moment to hear of a policy, and of its ConfigMap.
wait_until_admitted_without() {
	lab_wait_until admitted_without
}

admitted() {
	FORMAT="jsonpath=$1" admit
}

# policy FOLDER: that one, in place of the one that is there, and settings.yaml with a setting more. It is never deleted: once it has
# been, an API server of 1.36 does not see the ConfigMaps of the next one.
policy() {
	run -0 kubectl apply --validate=strict -k "$MANIFESTS/$1"
	sed 's/^  LBDNS_NAMES:/  LBDNS_REFRESH: 7s\n&/' "$MANIFESTS/cluster/settings.yaml" >settings.yaml
	applied -f settings.yaml
	lab_wait_until admitted_with
}

does_it() {
	local plain='{.spec.containers[?(@.name=="plain")]' own='{.spec.containers[?(@.name=="own")]'
	lab_equal "$(admitted '{.spec.volumes[?(@.name=="lbdns")].image.reference}')" \
		"lbdns:$(sed -n 's/^[[:blank:]]*VERSION=//p' "$LAB_ROOT/scripts/lbdns")"
	lab_equal "$(admitted "$plain.env[?(@.name==\"LD_PRELOAD\")].value}")" /lbdns/liblbdns.so
	lab_equal "$(admitted "$own.env[?(@.name==\"LD_PRELOAD\")].value}")" /usr/lib/libjemalloc.so.2:/lbdns/liblbdns.so
	lab_equal "$(admitted "$plain.env[?(@.name==\"LBDNS_MODE\")].value}")" observe
	lab_equal "$(admitted "$own.env[?(@.name==\"LBDNS_MODE\")].value}")" on
	lab_equal "$(admitted '{.spec.containers[*].env[?(@.name=="LBDNS_REFRESH")].value}')" "7s 7s"
	lab_equal "$(admitted '{.spec.containers[*].env[?(@.name=="LBDNS_NAMES")].value}')" "rng-headless rng-headless"
	lab_equal "$(admitted '{.spec.containers[*].volumeMounts[?(@.mountPath=="/lbdns")].readOnly}')" "true true"
	lab_equal "$(admitted "$own.volumeMounts[*].mountPath}")" "/data /lbdns"
	lab_equal "$(admitted '{.spec.initContainers[*].name}')" first
}

@test "the policy gives a labelled pod the library and all settings; it keeps what a container has" {
	policy cluster
	does_it
}

@test "the policy for 1.34 and 1.35, as v1beta1, does the same" {
	run -0 kubectl kustomize "$MANIFESTS/cluster-v1beta1"
	lab_equal "$(grep -c '^apiVersion: admissionregistration.k8s.io/v1beta1$' <<<"$output")" 2
	policy cluster-v1beta1
	does_it
}

@test "an LD_PRELOAD from a ConfigMap is left alone" {
	policy cluster
	pod_spec() {
		printf 'securityContext: {runAsNonRoot: true, runAsUser: 65534, seccompProfile: {type: RuntimeDefault}}\ncontainers:\n'
		echo "  - {name: plain, image: client, $(security)}"
		echo "  - {name: own, image: client, $(security), env: [{name: LD_PRELOAD, valueFrom: {configMapKeyRef: {name: a, key: b}}}]}"
	}
	lab_equal "$(admitted '{.spec.containers[?(@.name=="own")].env[?(@.name=="LD_PRELOAD")]}')" \
		'{"name":"LD_PRELOAD","valueFrom":{"configMapKeyRef":{"key":"b","name":"a"}}}'
}

@test "the policy leaves alone: no label, what has it already, no ConfigMap, what it cannot evaluate; all are admitted" {
	policy cluster
	[[ $(admit 'app: client') != *liblbdns* ]]
	admit >once.yaml
	sed '/^  uid:/d; /^  creationTimestamp:/d' once.yaml >again.yaml
	k create --dry-run=server -o yaml -f again.yaml >twice.yaml
	lab_equal "$(sed '/uid:/d; /creationTimestamp:/d' twice.yaml)" "$(sed '/uid:/d; /creationTimestamp:/d' once.yaml)"
	k delete configmap lbdns
	wait_until_admitted_without
	lab_equal "$(admitted '{.metadata.name}')" client
	k create configmap lbdns --from-literal LBDNS_NAMES=rng-headless # no image
	lab_equal "$(admitted '{.metadata.name} {.spec.volumes[*].name}')" "client data"
}

@test "a wrong field, a wrong value and a pod that is not restricted would be found" {
	run -1 k apply --validate=strict -f <(workload Deployment | sed 's/containers:/containrs:/')
	run -1 k apply --validate=strict -f <(workload Deployment | sed 's/runAsNonRoot: true/runAsNonRoot: perhaps/')
	pod_spec() {
		echo 'containers: [{name: plain, image: client}]'
	}
	run -1 admit
	[[ $output == *restricted* ]]
}
