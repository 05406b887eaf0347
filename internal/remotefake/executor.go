package remotefake

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	re "github.com/bazelbuild/remote-apis/build/bazel/remote/execution/v2"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// execution executes commands, each in a folder of its own that holds nothing but its inputs.
type execution struct {
	re.UnimplementedExecutionServer
	s *Server
}

// Execute implements [re.ExecutionServer].
func (x execution) Execute(q *re.ExecuteRequest, stream re.Execution_ExecuteServer) error {
	ctx := stream.Context()
	if err := x.s.begin(ctx, "Execute"); err != nil {
		return err
	}
	if err := x.s.instance(q.GetInstanceName()); err != nil {
		return err
	}
	const name = "operations/1"
	if err := stream.Send(&longrunningpb.Operation{Name: name}); err != nil {
		return err
	}
	answer, err := x.answer(ctx, q)
	if err != nil {
		return err
	}
	packed, err := anypb.New(answer)
	if err != nil {
		return err
	}
	return stream.Send(&longrunningpb.Operation{Name: name, Done: true, Result: &longrunningpb.Operation_Response{Response: packed}})
}

func (x execution) answer(ctx context.Context, q *re.ExecuteRequest) (*re.ExecuteResponse, error) {
	hash := q.GetActionDigest().GetHash()
	if r := x.s.result(hash); r != nil && !q.GetSkipCacheLookup() {
		return &re.ExecuteResponse{Result: r, CachedResult: true}, nil
	}
	r, err := x.s.run(ctx, q.GetActionDigest())
	if err != nil {
		return nil, err
	}
	if x.s.options.Executed != nil {
		x.s.options.Executed(r)
	}
	if r.GetExitCode() == 0 {
		x.s.mu.Lock()
		x.s.results[hash] = proto.Clone(r).(*re.ActionResult)
		x.s.mu.Unlock()
	}
	return &re.ExecuteResponse{Result: r}, nil
}

// run runs the command of an action.
func (s *Server) run(ctx context.Context, digest *re.Digest) (*re.ActionResult, error) {
	action, command := &re.Action{}, &re.Command{}
	if err := s.message(digest, action); err != nil {
		return nil, err
	}
	if err := s.message(action.GetCommandDigest(), command); err != nil {
		return nil, err
	}
	if err := s.checkCommand(action, command); err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	dir, err := os.MkdirTemp(s.dir, "action-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if err := s.inputs(action.GetInputRootDigest(), dir); err != nil {
		return nil, err
	}
	for _, o := range command.GetOutputPaths() {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, o)), 0o755); err != nil {
			return nil, err
		}
	}
	return s.runIn(ctx, command, dir)
}

func (s *Server) runIn(ctx context.Context, command *re.Command, dir string) (*re.ActionResult, error) {
	program := command.GetArguments()[0]
	if strings.Contains(program, "/") && !filepath.IsAbs(program) {
		program = filepath.Join(dir, program)
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, program)
	cmd.Args, cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.Env = command.GetArguments(), dir, &stdout, &stderr, []string{}
	for _, v := range command.GetEnvironmentVariables() {
		cmd.Env = append(cmd.Env, v.GetName()+"="+v.GetValue())
	}
	start := time.Now()
	err := cmd.Run()
	exited := (*exec.ExitError)(nil)
	if err != nil && !errors.As(err, &exited) {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	r := &re.ActionResult{
		ExitCode: int32(cmd.ProcessState.ExitCode()), StdoutRaw: stdout.Bytes(), StderrDigest: s.keep(stderr.Bytes()),
		ExecutionMetadata: &re.ExecutedActionMetadata{
			Worker: "fake", ExecutionStartTimestamp: timestamppb.New(start), ExecutionCompletedTimestamp: timestamppb.Now(),
		},
	}
	for _, o := range command.GetOutputPaths() {
		data, err := os.ReadFile(filepath.Join(dir, o))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		r.OutputFiles = append(r.OutputFiles, &re.OutputFile{Path: o, Digest: s.keep(data)})
	}
	return r, nil
}

// keep stores a blob of ours.
func (s *Server) keep(data []byte) *re.Digest {
	sum := sha256.Sum256(data)
	hash := hex.EncodeToString(sum[:])
	s.mu.Lock()
	defer s.mu.Unlock()
	s.blobs[hash] = bytes.Clone(data)
	return &re.Digest{Hash: hash, SizeBytes: int64(len(data))}
}

// blob is a blob that an action names. One that is not there is a failed precondition, as the
// protocol has it.
func (s *Server) blob(d *re.Digest) ([]byte, error) {
	s.mu.Lock()
	data, ok := s.blobs[d.GetHash()]
	s.mu.Unlock()
	if d.GetSizeBytes() == 0 {
		return nil, nil
	}
	if !ok {
		st, err := status.New(codes.FailedPrecondition, "a blob is missing").WithDetails(&errdetails.PreconditionFailure{
			Violations: []*errdetails.PreconditionFailure_Violation{{Type: "MISSING", Subject: fmt.Sprintf("blobs/%s/%d", d.GetHash(), d.GetSizeBytes())}},
		})
		if err != nil {
			return nil, err
		}
		return nil, st.Err()
	}
	if int64(len(data)) != d.GetSizeBytes() {
		return nil, status.Error(codes.InvalidArgument, s.mistake("a digest with the size %d of a blob of %d bytes", d.GetSizeBytes(), len(data)).Error())
	}
	return data, nil
}

// file is a file with the content of a blob. Like many workers, this one has one file for each
// content and links it into the folders of commands, so that equal inputs are one file.
func (s *Server) file(d *re.Digest, executable bool) (string, error) {
	data, err := s.blob(d)
	if err != nil {
		return "", err
	}
	mode := os.FileMode(0o444)
	if executable {
		mode = 0o555
	}
	s.files.Lock()
	defer s.files.Unlock()
	kept := filepath.Join(s.dir, fmt.Sprintf("%s-%o", d.GetHash(), mode))
	if _, err := os.Lstat(kept); err == nil {
		return kept, nil
	}
	return kept, os.WriteFile(kept, data, mode)
}

// message reads a message that an action names.
func (s *Server) message(d *re.Digest, into proto.Message) error {
	data, err := s.blob(d)
	if err != nil {
		return err
	}
	if err := proto.Unmarshal(data, into); err != nil {
		return status.Error(codes.InvalidArgument, s.mistake("%v is no message: %v", d, err).Error())
	}
	again, err := proto.MarshalOptions{Deterministic: true}.Marshal(into)
	if err != nil || !bytes.Equal(again, data) {
		return status.Error(codes.InvalidArgument, s.mistake("%v is not in its one form", d).Error())
	}
	return nil
}

// checkCommand finds what a server may refuse: lists that are not sorted, outputs and a platform
// that differ between the places of version 2.0 and of later ones.
func (s *Server) checkCommand(a *re.Action, c *re.Command) error {
	env := func(a, b *re.Command_EnvironmentVariable) int { return strings.Compare(a.GetName(), b.GetName()) }
	property := func(a, b *re.Platform_Property) int {
		return strings.Compare(a.GetName()+"\x00"+a.GetValue(), b.GetName()+"\x00"+b.GetValue())
	}
	//lint:ignore SA1019 of version 2.0
	oldOutputs, oldPlatform := c.GetOutputFiles(), c.GetPlatform()
	switch {
	case len(c.GetArguments()) == 0 || c.GetArguments()[0] == "":
		return s.mistake("a command without a program")
	case !slices.IsSortedFunc(c.GetEnvironmentVariables(), env):
		return s.mistake("variables that are not sorted")
	case len(c.GetOutputPaths()) == 0 || !slices.IsSorted(c.GetOutputPaths()):
		return s.mistake("output_paths %q", c.GetOutputPaths())
	case !slices.Equal(c.GetOutputPaths(), oldOutputs):
		return s.mistake("output_paths %q and output_files %q", c.GetOutputPaths(), oldOutputs)
	case !slices.IsSortedFunc(oldPlatform.GetProperties(), property):
		return s.mistake("properties of a platform that are not sorted")
	case !proto.Equal(a.GetPlatform(), oldPlatform):
		return s.mistake("the platform of the action is not that of its command")
	case a.GetTimeout().AsDuration() <= 0:
		return s.mistake("an action without a time limit")
	}
	for _, p := range oldPlatform.GetProperties() {
		if want, known := s.options.Platform[p.GetName()]; !known || want != p.GetValue() {
			return fmt.Errorf("no worker has %s = %q", p.GetName(), p.GetValue())
		}
	}
	return nil
}

// inputs writes the folder of a Directory.
func (s *Server) inputs(d *re.Digest, dir string) error {
	m := &re.Directory{}
	if err := s.message(d, m); err != nil {
		return err
	}
	var names, all []string
	for _, f := range m.GetFiles() {
		names = append(names, f.GetName())
	}
	all = append(all, names...)
	ordered := slices.IsSorted(names)
	names = nil
	for _, f := range m.GetDirectories() {
		names = append(names, f.GetName())
	}
	all = append(all, names...)
	slices.Sort(all)
	if !ordered || !slices.IsSorted(names) || len(slices.Compact(slices.Clone(all))) != len(all) || len(m.GetSymlinks()) > 0 {
		return status.Error(codes.InvalidArgument, s.mistake("a Directory that is not in its one form: %v", m).Error())
	}
	for _, name := range all {
		if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00") {
			return status.Error(codes.InvalidArgument, s.mistake("the name %q in a Directory", name).Error())
		}
	}
	for _, f := range m.GetFiles() {
		kept, err := s.file(f.GetDigest(), f.GetIsExecutable())
		if err != nil {
			return err
		}
		if err := os.Link(kept, filepath.Join(dir, f.GetName())); err != nil {
			return err
		}
	}
	for _, f := range m.GetDirectories() {
		sub := filepath.Join(dir, f.GetName())
		if err := os.Mkdir(sub, 0o755); err != nil {
			return err
		}
		if err := s.inputs(f.GetDigest(), sub); err != nil {
			return err
		}
	}
	return nil
}
