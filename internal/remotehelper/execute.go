package remotehelper

import (
	"context"
	"io"
	"maps"
	"slices"
	"time"

	re "github.com/bazelbuild/remote-apis/build/bazel/remote/execution/v2"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/RepliBuild/replibuild/internal/remotewire"
)

// execute implements [executor]. A server that has lost a blob gets all of them once more; a
// result whose outputs are gone is made once more.
func (s *grpcServer) execute(ctx context.Context, timeout time.Duration, job *remotewire.Job, dir string) (remotewire.Reply, error) {
	action, blobs, err := actionOf(job)
	if err != nil {
		return remotewire.Reply{}, err
	}
	ask := question{timeout: timeout, limit: job.Limit, action: action}
	var reply remotewire.Reply
	for range 2 {
		if err := s.ensure(ctx, timeout, blobs); err != nil {
			return remotewire.Reply{}, err
		}
		reply, err = s.executeOnce(ctx, ask, job, dir)
		if f, ok := err.(*remotewire.Fault); !ok || f.Cause != remotewire.CauseMissing {
			break
		}
		s.sent.forget(blobs)
		ask.fresh = true
	}
	return reply, err
}

// question is one call of Execute.
type question struct {
	timeout time.Duration // until the server shows a sign of life
	limit   time.Duration // until it has the answer
	action  *re.Digest
	fresh   bool // a result that the server knows does not do
}

// actionOf makes the messages of a job. blobs are all that the server must have. The outputs
// and the platform stand in the places of version 2.0 and in those of later ones.
func actionOf(job *remotewire.Job) (action *re.Digest, blobs []remotewire.File, err error) {
	root, err := inputRoot(job.Inputs)
	if err != nil {
		return nil, nil, err
	}
	blobs = slices.Clone(job.Inputs)
	outputs := slices.Sorted(slices.Values(job.Outputs))
	platform := &re.Platform{}
	for _, name := range slices.Sorted(maps.Keys(job.Platform)) {
		platform.Properties = append(platform.Properties, &re.Platform_Property{Name: name, Value: job.Platform[name]})
	}
	//lint:ignore SA1019 servers of version 2.0 know these fields only
	command := &re.Command{Arguments: job.Args, OutputFiles: outputs, OutputPaths: outputs, Platform: platform}
	for _, name := range slices.Sorted(maps.Keys(job.Env)) {
		command.EnvironmentVariables = append(command.EnvironmentVariables, &re.Command_EnvironmentVariable{Name: name, Value: job.Env[name]})
	}
	action = addMessage(&blobs, &re.Action{
		CommandDigest: addMessage(&blobs, command), InputRootDigest: root.encode(&blobs),
		Timeout: durationpb.New(job.Limit), Platform: platform,
	})
	return action, blobs, nil
}

func (s *grpcServer) executeOnce(ctx context.Context, ask question, job *remotewire.Job, dir string) (remotewire.Reply, error) {
	start := time.Now()
	answer, err := s.await(ctx, ask)
	if err != nil {
		return remotewire.Reply{}, err
	}
	if err := s.executionFault(status.FromProto(answer.GetStatus()).Err()); err != nil {
		return remotewire.Reply{}, err
	}
	result := answer.GetResult()
	reply := remotewire.Reply{Executed: &remotewire.Executed{
		Exit: int(result.GetExitCode()), Cached: answer.GetCachedResult(), Waited: time.Since(start),
		Worker: firstLine(result.GetExecutionMetadata().GetWorker()), Took: took(result.GetExecutionMetadata()),
	}}
	if reply.Meta, err = s.printed(ctx, ask.timeout, result); err != nil || reply.Executed.Exit != 0 {
		return reply, err
	}
	for _, name := range job.Outputs {
		i := slices.IndexFunc(result.GetOutputFiles(), func(f *re.OutputFile) bool { return f.GetPath() == name })
		if i < 0 {
			reply.Executed.Missing = append(reply.Executed.Missing, name)
			continue
		}
		f, err := fileOf(name, result.GetOutputFiles()[i].GetDigest())
		if err != nil {
			return reply, err
		}
		reply.Files = append(reply.Files, f)
	}
	m, err := s.fetch(ctx, ask.timeout, reply.Files, dir)
	reply.Blobs, reply.Bytes = m.blobs, m.bytes
	return reply, err
}

// fileOf is a file that a result names.
func fileOf(name string, d *re.Digest) (remotewire.File, error) {
	f := remotewire.File{Name: name, Size: d.GetSizeBytes()}
	if err := f.Digest.UnmarshalText([]byte(d.GetHash())); err != nil || f.Size < 0 {
		return f, fault(remotewire.CauseDamaged, "a result names %q with the digest %q and the size %d", name, d.GetHash(), f.Size)
	}
	return f, nil
}

// took is how long a command ran, 0 if the server does not say it.
func took(m *re.ExecutedActionMetadata) time.Duration {
	if m.GetExecutionStartTimestamp() == nil || m.GetExecutionCompletedTimestamp() == nil {
		return 0
	}
	return max(0, m.GetExecutionCompletedTimestamp().AsTime().Sub(m.GetExecutionStartTimestamp().AsTime()))
}

// printed is what a command wrote to its standard output and error.
func (s *grpcServer) printed(ctx context.Context, timeout time.Duration, r *re.ActionResult) (all []byte, err error) {
	for _, part := range []struct {
		raw  []byte
		blob *re.Digest
	}{{r.GetStdoutRaw(), r.GetStdoutDigest()}, {r.GetStderrRaw(), r.GetStderrDigest()}} {
		all = append(all, part.raw...)
		if len(part.raw) > 0 || part.blob.GetSizeBytes() == 0 {
			continue
		}
		f, err := fileOf("output", part.blob)
		if err != nil {
			return nil, err
		}
		if f.Size+int64(len(all)) > maxMeta {
			return nil, fault(remotewire.CauseTooLarge, "a command printed %d bytes", f.Size)
		}
		data, err := s.small(ctx, timeout, []remotewire.File{f})
		if err != nil {
			return nil, err
		}
		all = append(all, data[0]...)
	}
	if len(all) > maxMeta {
		return nil, fault(remotewire.CauseTooLarge, "a command printed %d bytes", len(all))
	}
	return all, nil
}

// await asks for an execution and waits for its end. A stream that breaks is not taken up again: the
// command runs here then.
func (s *grpcServer) await(ctx context.Context, ask question) (*re.ExecuteResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, ask.limit)
	defer cancel()
	quiet := time.AfterFunc(ask.timeout, cancel) // no sign of life
	defer quiet.Stop()
	stream, err := s.exec.Execute(ctx, &re.ExecuteRequest{
		InstanceName: s.config.Instance, ActionDigest: ask.action, SkipCacheLookup: ask.fresh, DigestFunction: re.DigestFunction_SHA256,
	})
	if err != nil {
		return nil, s.executionFault(err)
	}
	for {
		op, err := stream.Recv()
		if err == io.EOF {
			return nil, fault(remotewire.CauseServer, "the server ended an execution without a result")
		}
		if err != nil {
			return nil, s.executionFault(err)
		}
		quiet.Stop()
		if op.GetError() != nil {
			return nil, s.executionFault(status.FromProto(op.GetError()).Err())
		}
		if !op.GetDone() {
			continue
		}
		answer := &re.ExecuteResponse{}
		if err := op.GetResponse().UnmarshalTo(answer); err != nil {
			return nil, fault(remotewire.CauseProtocol, "the end of an execution is no ExecuteResponse")
		}
		return answer, nil
	}
}

// executionFault says why an execution has no result. Lost blobs are told as violations of a
// precondition.
func (s *grpcServer) executionFault(err error) error {
	if err == nil {
		return nil
	}
	f := statusFault(err, s.dialed.get())
	switch code := status.Code(err); {
	case code == codes.FailedPrecondition && lostBlobs(err), code == codes.NotFound:
		f.Cause = remotewire.CauseMissing
	case code == codes.Unimplemented:
		f.Cause = remotewire.CauseExecution
	}
	return f
}

// lostBlobs reports whether an execution failed because the server lacks blobs.
func lostBlobs(err error) bool {
	for _, detail := range status.Convert(err).Details() {
		p, ok := detail.(*errdetails.PreconditionFailure)
		if ok && slices.ContainsFunc(p.GetViolations(), func(v *errdetails.PreconditionFailure_Violation) bool { return v.GetType() == "MISSING" }) {
			return true
		}
	}
	return false
}
