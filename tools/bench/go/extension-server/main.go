// Command extension-server answers Envoy Gateway's hooks as a straightforward Go server does: grpc-go decodes the whole
// request, the hook edits messages, grpc-go encodes the whole response. It is the peer that ours is measured against,
// and does the same work: it stamps the custom backends of a rule, then sends its traffic to one cluster per service.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"math"
	"net"
	"sort"
	"strings"

	"github.com/envoyproxy/gateway/proto/extension"
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
)

const (
	apiGroup    = "gateway.tailscale.com/"
	metadataKey = "gateway.tailscale.com/backends"
	edsCluster  = "tsgateway_eds"
)

type server struct {
	extension.UnimplementedEnvoyGatewayExtensionServer
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("{\"port\":%d}\n", listener.Addr().(*net.TCPAddr).Port)
	s := grpc.NewServer(grpc.MaxRecvMsgSize(100<<20), grpc.MaxSendMsgSize(math.MaxInt32))
	extension.RegisterEnvoyGatewayExtensionServer(s, server{})
	log.Fatal(s.Serve(listener))
}

// PostRouteModify stamps the route with the custom backends of its rule.
func (server) PostRouteModify(_ context.Context, req *extension.PostRouteModifyRequest) (*extension.PostRouteModifyResponse, error) {
	route := req.GetRoute()
	if stamp := stampOf(req.GetPostRouteContext().GetExtensionResources()); stamp != nil {
		route.Metadata = stamped(route.GetMetadata(), stamp)
	}
	return &extension.PostRouteModifyResponse{Route: route}, nil
}

// PostClusterModify stamps the cluster with the custom backends of its rule.
func (server) PostClusterModify(_ context.Context, req *extension.PostClusterModifyRequest) (*extension.PostClusterModifyResponse, error) {
	cluster := req.GetCluster()
	if stamp := stampOf(req.GetPostClusterContext().GetBackendExtensionResources()); stamp != nil {
		cluster.Metadata = stamped(cluster.GetMetadata(), stamp)
	}
	return &extension.PostClusterModifyResponse{Cluster: cluster}, nil
}

// PostTranslateModify replaces each stamped cluster by one for its service, which all rules of that service share.
func (server) PostTranslateModify(_ context.Context, req *extension.PostTranslateModifyRequest) (*extension.PostTranslateModifyResponse, error) {
	kept := make([]*clusterv3.Cluster, 0, len(req.GetClusters()))
	ours := map[string]*clusterv3.Cluster{}
	renamed := map[string]string{}
	for _, cluster := range req.GetClusters() {
		service := serviceOf(cluster)
		if service == "" {
			kept = append(kept, cluster)
			continue
		}
		renamed[cluster.GetName()] = service
		if ours[service] == nil {
			ours[service] = serviceCluster(service, cluster)
		}
	}
	for _, configuration := range req.GetRoutes() {
		for _, host := range configuration.GetVirtualHosts() {
			for _, route := range host.GetRoutes() {
				redirect(route, renamed)
			}
		}
	}
	names := make([]string, 0, len(ours))
	for name := range ours {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		kept = append(kept, ours[name])
	}
	return &extension.PostTranslateModifyResponse{
		Clusters: kept, Secrets: req.GetSecrets(), Listeners: req.GetListeners(), Routes: req.GetRoutes(),
	}, nil
}

func stampOf(resources []*extension.ExtensionResource) *structpb.Struct {
	var backends []any
	for _, resource := range resources {
		var object struct {
			APIVersion string `json:"apiVersion"`
			Kind       string `json:"kind"`
			Metadata   struct {
				Namespace  string  `json:"namespace"`
				Name       string  `json:"name"`
				Generation float64 `json:"generation"`
			} `json:"metadata"`
		}
		if json.Unmarshal(resource.GetUnstructuredBytes(), &object) != nil || !strings.HasPrefix(object.APIVersion, apiGroup) {
			continue
		}
		backends = append(backends, map[string]any{
			"kind": object.Kind, "namespace": object.Metadata.Namespace,
			"name": object.Metadata.Name, "generation": object.Metadata.Generation,
		})
	}
	if len(backends) == 0 {
		return nil
	}
	stamp, err := structpb.NewStruct(map[string]any{"backends": backends})
	if err != nil {
		return nil
	}
	return stamp
}

func stamped(metadata *corev3.Metadata, stamp *structpb.Struct) *corev3.Metadata {
	if metadata == nil {
		metadata = &corev3.Metadata{}
	}
	if metadata.FilterMetadata == nil {
		metadata.FilterMetadata = map[string]*structpb.Struct{}
	}
	metadata.FilterMetadata[metadataKey] = stamp
	return metadata
}

func serviceOf(cluster *clusterv3.Cluster) string {
	stamp := cluster.GetMetadata().GetFilterMetadata()[metadataKey]
	backends := stamp.GetFields()["backends"].GetListValue().GetValues()
	if len(backends) == 0 {
		return ""
	}
	fields := backends[0].GetStructValue().GetFields()
	return fmt.Sprintf("tsgateway/%s/%s/80", fields["namespace"].GetStringValue(), fields["name"].GetStringValue())
}

func serviceCluster(name string, base *clusterv3.Cluster) *clusterv3.Cluster {
	cluster := proto.Clone(base).(*clusterv3.Cluster)
	cluster.Name = name
	cluster.Metadata = nil
	cluster.EdsClusterConfig = &clusterv3.Cluster_EdsClusterConfig{
		ServiceName: name,
		EdsConfig: &corev3.ConfigSource{
			ResourceApiVersion: corev3.ApiVersion_V3,
			ConfigSourceSpecifier: &corev3.ConfigSource_ApiConfigSource{ApiConfigSource: &corev3.ApiConfigSource{
				ApiType:             corev3.ApiConfigSource_DELTA_GRPC,
				TransportApiVersion: corev3.ApiVersion_V3,
				GrpcServices: []*corev3.GrpcService{{TargetSpecifier: &corev3.GrpcService_EnvoyGrpc_{
					EnvoyGrpc: &corev3.GrpcService_EnvoyGrpc{ClusterName: edsCluster},
				}}},
			}},
		},
	}
	return cluster
}

func redirect(route *routev3.Route, renamed map[string]string) {
	action := route.GetRoute()
	if action == nil {
		return
	}
	if to, ok := renamed[action.GetCluster()]; ok {
		action.ClusterSpecifier = &routev3.RouteAction_Cluster{Cluster: to}
	}
	for _, share := range action.GetWeightedClusters().GetClusters() {
		if to, ok := renamed[share.GetName()]; ok {
			share.Name = to
		}
	}
}
